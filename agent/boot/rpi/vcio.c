/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One property tag per call.  Message: bytes in all, code, tag, bytes of value, request
 * or response, value, 0.  Tags and codes: raspberrypi/firmware wiki, "Mailbox property
 * interface", and include/soc/bcm2835/raspberrypi-firmware.h of raspberrypi/linux.
 */
#include "agent/boot/rpi/vcio.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "agent/boot/devtree.h"
#include "proto/base/fs.h"

#define MBOX_PROPERTY	 _IOWR(100, 0, char *)
#define TAG_GET_FLAGS	 0x00030064u
#define TAG_SET_FLAGS	 0x00038064u
#define RESPONSE_SUCCESS 0x80000000u

static bool is_model(const struct agent *a)
{
	return devtree_compatible(a, VCIO_MODEL) && !devtree_vendor(a, "raspberrypi,");
}

int vcio_open(const struct agent *a, struct vcio *ret)
{
	_free_ char *path = agent_path(a, "/dev/vcio");
	_close_ int fd = -1;
	struct stat st;
	bool file;

	if (!path)
		return -ENOMEM;
	fd = fs_open_beneath(AT_FDCWD, path, O_RDWR | O_NONBLOCK, 0);
	if (fd < 0)
		return fd == -ENXIO || fd == -ENODEV ? -ENOENT : fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	file = S_ISREG(st.st_mode);
	if (file && !a->scratch && !is_model(a))
		return -ENOENT;
	if (!file && (a->scratch || !S_ISCHR(st.st_mode)))
		return -ENOENT;
	*ret = (struct vcio){.fd = TAKE_FD(fd), .file = file};
	return 0;
}

void vcio_close(struct vcio *v)
{
	cleanup_close(&v->fd);
	v->fd = -1;
}

static int property(const struct vcio *v, uint32_t tag, uint32_t *value)
{
	uint32_t message[7] = {sizeof(message), 0, tag, sizeof(*value), 0, *value, 0};

	if (ioctl(v->fd, MBOX_PROPERTY, message) < 0)
		return -errno;
	/* Bit 31 of the tag's own code says that the firmware answered this tag. */
	if (message[1] != RESPONSE_SUCCESS || !(message[4] & RESPONSE_SUCCESS))
		return -ENOTSUP;
	*value = message[5];
	return 0;
}

int vcio_flags(const struct vcio *v, uint32_t *ret)
{
	uint32_t flags = 0;
	char digit = '0';
	int r;

	if (v->file) {
		if (pread(v->fd, &digit, 1, 0) < 0)
			return -errno;
		*ret = digit == '1' ? VCIO_TRYBOOT : 0;
		return digit == '0' || digit == '1' ? 0 : -ENOTSUP;
	}
	r = property(v, TAG_GET_FLAGS, &flags);
	if (r == 0)
		*ret = flags;
	return r;
}

static int set(const struct vcio *v, uint32_t flags)
{
	ssize_t n;

	if (!v->file)
		return property(v, TAG_SET_FLAGS, &flags);
	n = pwrite(v->fd, flags & VCIO_TRYBOOT ? "1\n" : "0\n", 2, 0);
	if (n < 0 || fsync(v->fd) < 0)
		return -errno;
	return n == 2 ? 0 : -EIO;
}

int vcio_set_flags(const struct vcio *v, uint32_t flags)
{
	uint32_t found = 0;
	int r;

	r = set(v, flags);
	if (r == 0)
		r = vcio_flags(v, &found);
	if (r < 0)
		return r;
	return found == flags ? 0 : -EIO;
}
