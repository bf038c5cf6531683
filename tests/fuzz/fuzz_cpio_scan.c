/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Initramfs archives: any bytes end in names or in one of the errors that are promised,
 * and no name is longer than is promised. */
#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/initramfs/cpio_scan.h"
#include "agent/initramfs/moddep.h"
#include "proto/base/fs.h"

/* A small member may unpack to gigabytes: enough is seen before. */
#define NAMES_MAX 20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int see(void *arg, const char *path)
{
	unsigned *n = arg;
	char name[MODDEP_NAME];

	assert(strlen(path) < CPIO_NAME_MAX);
	if (moddep_name(path, name))
		assert(*name && !strchr(name, '-') && !strchr(name, '/'));
	return ++*n > NAMES_MAX ? 1 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	unsigned n = 0;
	int r;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	assert(fd >= 0);
	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return 0;
	r = fs_write_all(fd, data, size);
	assert(r == 0);
	r = cpio_scan(fd, size, NULL, see, &n, NULL);
	assert(r >= 0 || r == -EBADMSG || r == -EOPNOTSUPP || r == -EMSGSIZE ||
	       r == -EFBIG || r == -ENOMEM);
	return 0;
}
