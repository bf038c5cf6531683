/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The board's lock, as an open-file-description lock: those can be asked about. */
#include "agent/deploy/lock.h"

#include <fcntl.h>
#include <string.h>

#include "agent/oserr.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define LOCK_FILE "lock"

static bool is_held(int fd)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
}

static void read_name(int fd, char *dst, size_t size)
{
	ssize_t n = pread(fd, dst, size - 1, 0);

	dst[n > 0 ? n : 0] = '\0';
	dst[strcspn(dst, "\n")] = '\0';
}

static int write_name(int fd, const char *holder)
{
	_free_ char *line = NULL;
	int rc;

	if (asprintf(&line, "%.*s\n", LIMIT_STRING - 1, holder) < 0) {
		line = NULL;
		return -ENOMEM;
	}
	/* Over the old name first: a reader finds the new one or a mix, never nothing. */
	rc = fs_write_all(fd, line, strlen(line));
	if (rc == 0 && ftruncate(fd, (off_t)strlen(line)) < 0)
		rc = -errno;
	return rc;
}

int lock_take(const struct agent *a, const char *holder, int *ret_fd,
	      struct kf_error *err)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	_close_ int fd = -1;
	int rc;

	fd = fs_open_beneath(a->state_fd, LOCK_FILE, O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		return oserr(err, fd, "open the board's lock");
	if (fcntl(fd, F_OFD_SETLK, &whole) < 0) {
		_free_ char *name = calloc(1, LIMIT_STRING + 1);

		if (errno != EAGAIN && errno != EACCES)
			return oserr(err, -errno, "take the board's lock");
		if (name)
			read_name(fd, name, LIMIT_STRING + 1);
		return kf_err(err, -EBUSY, KF_REASON_BUSY,
			      "the board is held by %.256s; try again when that is done",
			      name && *name ? name : "somebody else");
	}
	rc = write_name(fd, holder && *holder ? holder : "somebody");
	if (rc < 0)
		return oserr(err, rc, "write the board's lock");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

void lock_holder(const struct agent *a, char *dst, size_t size)
{
	_close_ int fd = fs_open_beneath(a->state_fd, LOCK_FILE, O_RDWR, 0);

	dst[0] = '\0';
	if (fd >= 0 && is_held(fd))
		read_name(fd, dst, size);
}
