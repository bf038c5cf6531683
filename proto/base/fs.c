/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files: whole reads, full writes, durable replacement, copies, sync and space.
 */
#include "proto/base/fs.h"

#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "proto/base/clock.h"

#define READ_STEP     (16 * 1024)
#define COPY_STEP     (128 * 1024)
#define COPY_ONCE     (16 * 1024 * 1024) /* bytes asked of one copy_file_range() */
#define LINE_FILE_MAX (64 * 1024)
#define TMP_TRIES     16
#define LOCK_STEP_MS  10

static int read_all(int fd, size_t max, struct buf *b)
{
	size_t total = 0;

	for (;;) {
		uint8_t *at;
		ssize_t n;
		size_t want = max - total < READ_STEP ? max - total + 1 : READ_STEP;
		int r = buf_reserve(b, want, &at);

		/* A limit of the buffer may be nearer than a full step. */
		if (r == -EMSGSIZE && want > 1 && buf_len(b) < b->max) {
			want = b->max - buf_len(b);
			r = buf_reserve(b, want, &at);
		}
		if (r == -EMSGSIZE) {
			char more;

			n = read(fd, &more, 1);
			if (n == 0)
				return 0;
			return n < 0 ? -errno : -EMSGSIZE;
		}
		if (r < 0)
			return r;
		n = read(fd, at, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		if ((size_t)n > max - total)
			return -EFBIG;
		buf_commit(b, (size_t)n);
		total += (size_t)n;
	}
}

int fs_read_file(int dirfd, const char *path, size_t max, struct buf *b)
{
	_close_ int fd = -1;
	size_t before = buf_len(b);
	int r;

	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = read_all(fd, max, b);
	if (r < 0)
		b->end = b->start + before;
	return r;
}

int fs_read_line(int dirfd, const char *path, char **ret)
{
	_buf_ struct buf b = BUF_INIT;
	const char *s;
	char *line;
	size_t n;
	int r;

	r = fs_read_file(dirfd, path, LINE_FILE_MAX, &b);
	if (r < 0)
		return r;
	s = buf_str(&b);
	if (!s)
		return -ENOMEM;
	n = strcspn(s, "\n");
	while (n > 0 && isspace((unsigned char)s[n - 1]))
		n--;
	line = strndup(s, n);
	if (!line)
		return -ENOMEM;
	*ret = line;
	return 0;
}

int fs_write_all(int fd, const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		if (w == 0)
			return -EIO;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static int sync_dir_fd(int fd)
{
	/* EINVAL: a file system whose directories have nothing to flush. */
	if (fsync(fd) < 0 && errno != EINVAL)
		return -errno;
	return 0;
}

static int random_name(char name[static 32])
{
	uint64_t n;

	if (getrandom(&n, sizeof(n), 0) != sizeof(n))
		return -EIO;
	snprintf(name, 32, FS_TMP_PREFIX "%016llx", (unsigned long long)n);
	return 0;
}

static int open_tmp(int dir, char name[static 32])
{
	for (int i = 0; i < TMP_TRIES; i++) {
		int fd, r = random_name(name);

		if (r < 0)
			return r;
		fd = openat(dir, name,
			    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0 || errno != EEXIST)
			return fd >= 0 ? fd : -errno;
	}
	return -EEXIST;
}

/* Content and mode, on the disk. */
static int fill_tmp(int fd, const void *data, size_t n, mode_t mode)
{
	struct stat st;
	int r;

	r = fs_write_all(fd, data, n);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* The file is ours, so EPERM means a file system without modes (vfat). */
	if ((st.st_mode & 07777) != mode && fchmod(fd, mode) < 0 && errno != EPERM &&
	    errno != EOPNOTSUPP)
		return -errno;
	return fsync(fd) < 0 ? -errno : 0;
}

/* What has a name that is about to go; -1 when there is nothing. */
static int hold(int dir, const char *name)
{
	return openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

int fs_rename_flushed(int dir, int fd, const char *from, const char *to)
{
	_close_ int old = -1;

	old = hold(dir, to);
	if (renameat(dir, from, dir, to) < 0)
		return -errno;
	/* On vfat the rename reaches the disk with the file, elsewhere with the
	 * directory: both are flushed, and no list of file systems has to know. */
	if (fsync(fd) < 0)
		return -errno;
	return sync_dir_fd(dir);
}

/* The directory that holds path, and *ret_base, the name in it. */
static int open_parent(int dirfd, const char *path, const char **ret_base)
{
	const char *slash = strrchr(path, '/');
	_free_ char *dir = NULL;
	const char *base = slash ? slash + 1 : path;
	int fd;

	if (*base == '\0' || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
		return -EINVAL;
	dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	if (!dir)
		return -ENOMEM;
	fd = fs_open_dir(dirfd, dir);
	if (fd >= 0)
		*ret_base = base;
	return fd;
}

int fs_replace(int dirfd, const char *path, const void *data, size_t n, mode_t mode)
{
	_close_ int dir = -1, fd = -1;
	const char *base;
	char tmp[32];
	int r;

	dir = open_parent(dirfd, path, &base);
	if (dir < 0)
		return dir;
	fd = open_tmp(dir, tmp);
	if (fd < 0)
		return fd;
	r = fill_tmp(fd, data, n, mode & 07777);
	if (r == 0)
		r = fs_rename_flushed(dir, fd, tmp, base);
	/* After the rename there is no such name any more. */
	if (r < 0)
		unlinkat(dir, tmp, 0);
	return r;
}

int fs_remove_flushed(int dirfd, const char *path)
{
	_close_ int dir = -1, old = -1;
	const char *base;

	dir = open_parent(dirfd, path, &base);
	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	old = hold(dir, base);
	if (unlinkat(dir, base, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	return sync_dir_fd(dir);
}

static int copy_read_write(int in, int out, uint64_t *total)
{
	_free_ uint8_t *step = malloc(COPY_STEP);

	if (!step)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(in, step, COPY_STEP);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		r = fs_write_all(out, step, (size_t)n);
		if (r < 0)
			return r;
		*total += (uint64_t)n;
	}
}

static bool copy_range_cannot(int error)
{
	return error == EXDEV || error == EINVAL || error == ENOSYS ||
	       error == EOPNOTSUPP || error == EPERM || error == EBADF ||
	       error == ETXTBSY;
}

int fs_copy_fd(int in, int out, uint64_t *ret_bytes)
{
	uint64_t total = 0;
	int r;

	for (;;) {
		ssize_t n = copy_file_range(in, NULL, out, NULL, COPY_ONCE, 0);

		if (n > 0) {
			total += (uint64_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && !copy_range_cannot(errno))
			return -errno;
		/* 0 is the end, or a file of /proc that has no size: reading tells. */
		break;
	}
	r = copy_read_write(in, out, &total);
	if (r == 0 && ret_bytes)
		*ret_bytes = total;
	return r;
}

int fs_sync_dir(int dirfd, const char *rel)
{
	_close_ int fd = fs_open_beneath(dirfd, rel, O_RDONLY | O_DIRECTORY, 0);

	return fd < 0 ? fd : sync_dir_fd(fd);
}

int fs_sync_fs(int fd)
{
	return syncfs(fd) < 0 ? -errno : 0;
}

static uint64_t blocks(uint64_t n, uint64_t size)
{
	uint64_t bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? UINT64_MAX : bytes;
}

int fs_free_bytes(int fd, uint64_t *ret)
{
	struct statvfs st;

	if (fstatvfs(fd, &st) < 0)
		return -errno;
	*ret = blocks(st.f_bavail, st.f_frsize);
	return 0;
}

int fs_total_bytes(int fd, uint64_t *ret)
{
	struct statvfs st;

	if (fstatvfs(fd, &st) < 0)
		return -errno;
	*ret = blocks(st.f_blocks, st.f_frsize);
	return 0;
}

bool fs_exists(int dirfd, const char *path)
{
	return faccessat(dirfd, path, F_OK, 0) == 0;
}

int fs_lock(int fd, int how, int wait_ms)
{
	deadline_ms end = deadline_in(wait_ms);

	while (flock(fd, how | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (!deadline_left(end))
			return -ETIMEDOUT;
		poll(NULL, 0, LOCK_STEP_MS);
	}
	return 0;
}

int fs_set_cloexec(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFD);

	if (flags < 0)
		return -errno;
	flags = on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC;
	return fcntl(fd, F_SETFD, flags) < 0 ? -errno : 0;
}
