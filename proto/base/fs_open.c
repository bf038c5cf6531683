/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening below a directory.  The kernel does it where it can (openat2); elsewhere
 * the path is walked one component at a time, each opened without following links.
 * Both ways refuse the same names with the same errors: an absolute path or a ".."
 * component is -EXDEV, a symbolic link on the way is -ELOOP.
 */
#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "proto/base/fs.h"

#define OPENAT2_RETRIES 8 /* -EAGAIN: a rename elsewhere raced with the look-up */

/* The next component of *path into name; false at the end.  -ENAMETOOLONG in *ret_r. */
static bool next_component(const char **path, char name[NAME_MAX + 1], int *ret_r)
{
	const char *p = *path + strspn(*path, "/");
	size_t n = strcspn(p, "/");

	*ret_r = 0;
	if (n == 0)
		return false;
	if (n > NAME_MAX) {
		*ret_r = -ENAMETOOLONG;
		return false;
	}
	memcpy(name, p, n);
	name[n] = '\0';
	*path = p + n;
	return true;
}

static int check_rel(const char *rel)
{
	const char *p = rel;

	if (*rel == '\0')
		return -ENOENT;
	if (*rel == '/')
		return -EXDEV;
	while (*p) {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.')
			return -EXDEV;
		p += n;
		p += strspn(p, "/");
	}
	return 0;
}

/* openat() that never follows a link, and says -ELOOP when that is why it failed. */
static int open_nofollow(int dirfd, const char *name, int flags, mode_t mode)
{
	struct stat st;
	int fd, r;

	fd = openat(dirfd, name, flags | O_NOFOLLOW | O_CLOEXEC | O_LARGEFILE, mode);
	if (fd < 0) {
		r = -errno;
		if (r == -ENOTDIR &&
		    fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISLNK(st.st_mode))
			return -ELOOP;
		return r;
	}
	/* O_PATH opens the link itself; only who asked for that may have it. */
	if ((flags & O_PATH) && !(flags & O_NOFOLLOW) && fstat(fd, &st) == 0 &&
	    S_ISLNK(st.st_mode)) {
		close(fd);
		return -ELOOP;
	}
	return fd;
}

static int open_walk(int dirfd, const char *rel, int flags, mode_t mode)
{
	char name[NAME_MAX + 1];
	_close_ int cur = -1;
	int fd, r;

	while (next_component(&rel, name, &r)) {
		const char *rest = rel + strspn(rel, "/");
		bool last = *rest == '\0';
		int at = cur >= 0 ? cur : dirfd;

		if (last && *rel == '/')
			flags |= O_DIRECTORY;
		if (last)
			return open_nofollow(at, name, flags, mode);
		fd = open_nofollow(at, name, O_PATH | O_DIRECTORY, 0);
		if (fd < 0)
			return fd;
		cleanup_close(&cur);
		cur = fd;
	}
	return r < 0 ? r : -ENOENT;
}

static int open_kernel(int dirfd, const char *rel, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC | O_LARGEFILE),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	if (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)))
		how.mode = mode & 07777;
	for (int i = 0; i < OPENAT2_RETRIES; i++) {
		long fd = syscall(SYS_openat2, dirfd, rel, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}

int fs_open_beneath(int dirfd, const char *rel, int flags, mode_t mode)
{
	const char *no = getenv("KF_NO_OPENAT2");
	int fd, r;

	if (dirfd == AT_FDCWD) {
		fd = openat(dirfd, rel, flags | O_CLOEXEC | O_LARGEFILE, mode);
		return fd < 0 ? -errno : fd;
	}
	r = check_rel(rel);
	if (r < 0)
		return r;
	if (!no || strcmp(no, "1") != 0) {
		fd = open_kernel(dirfd, rel, flags, mode);
		/* EPERM: a sandbox that knows no openat2; a true one comes again. */
		if (fd != -ENOSYS && fd != -EPERM && fd != -EAGAIN)
			return fd;
	}
	return open_walk(dirfd, rel, flags, mode);
}

int fs_open_dir(int dirfd, const char *path)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Enter the directory name below at, making it first where it is missing. */
static int enter_or_make(int at, const char *name, bool trusted)
{
	const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;

	for (int i = 0; i < 2; i++) {
		int fd = trusted ? openat(at, name, flags)
				 : open_nofollow(at, name, flags, 0);

		if (trusted && fd < 0)
			fd = -errno;
		if (fd != -ENOENT)
			return fd;
		if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	return -ENOENT;
}

int fs_mkdirs(int dirfd, const char *rel)
{
	bool trusted = dirfd == AT_FDCWD;
	char name[NAME_MAX + 1];
	_close_ int cur = -1;
	int fd, r;

	if (!trusted) {
		r = check_rel(rel);
		if (r < 0)
			return r;
	}
	if (*rel == '/') {
		cur = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (cur < 0)
			return -errno;
	}
	while (next_component(&rel, name, &r)) {
		fd = enter_or_make(cur >= 0 ? cur : dirfd, name, trusted);
		if (fd < 0)
			return fd;
		cleanup_close(&cur);
		cur = fd;
	}
	return r;
}

int fs_mkdirs_parent(int dirfd, const char *rel)
{
	_free_ char *parent = NULL;
	size_t n = strlen(rel);

	while (n > 0 && rel[n - 1] == '/')
		n--;
	while (n > 0 && rel[n - 1] != '/')
		n--;
	if (n == 0)
		return dirfd == AT_FDCWD ? 0 : check_rel(rel);
	parent = strndup(rel, n);
	return parent ? fs_mkdirs(dirfd, parent) : -ENOMEM;
}
