/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tar from a board: whatever it is, nothing comes to be beside what was asked for, nor
 * a link that leads up from it.
 */
#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "controller/copy/unpack.h"
#include "proto/base/fs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int look(void *arg, int dirfd, const char *name, const char *path,
		const struct stat *st)
{
	char target[4096];
	ssize_t n;

	(void)arg;
	assert(!strcmp(path, "y") || !strncmp(path, "y/", 2));
	assert(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) || S_ISLNK(st->st_mode));
	assert(!(st->st_mode & 07000));
	if (!S_ISLNK(st->st_mode))
		return 0;
	n = readlinkat(dirfd, name, target, sizeof(target) - 1);
	assert(n > 0 && target[0] != '/');
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char top[] = "/tmp/kf-fuzz-XXXXXX";
	int fd = memfd_create("tar", MFD_CLOEXEC), dir;
	struct unpack u = {.in = fd, .name = "x", .as = "y"};
	struct kf_error err = {0};

	assert(fd >= 0 && mkdtemp(top));
	assert(fs_write_all(fd, data, size) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	dir = fs_open_dir(AT_FDCWD, top);
	assert(dir >= 0);
	u.dir = dir;
	(void)!unpack_tree(&u, &err);
	assert(fs_walk(dir, ".", look, NULL) == 0);
	close(dir);
	close(fd);
	assert(fs_remove_tree(AT_FDCWD, top) == 0);
	return 0;
}
