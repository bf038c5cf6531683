// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * For LD_PRELOAD: let one of the C library's functions fail with EIO for one file or
 * directory, KF_FAIL="FUNCTION PATH".  readdir gives one entry first.  What changes a
 * disk is better injected by inject.c, which knows system calls: those that the library
 * makes for a function of its own, such as readdir, it cannot tell apart.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_to_fail(const char *function, int fd)
{
	const char *what = getenv("KF_FAIL");
	size_t n = strlen(function);
	char link[64], path[4096];
	ssize_t len;

	if (!what || strncmp(what, function, n) != 0 || what[n] != ' ')
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	path[len > 0 ? len : 0] = '\0';
	return strcmp(path, what + n + 1) == 0;
}

struct dirent *readdir(DIR *d)
{
	struct dirent *(*next)(DIR *) =
		(struct dirent * (*)(DIR *)) dlsym(RTLD_NEXT, "readdir");

	if (is_to_fail("readdir", dirfd(d)) && telldir(d) != 0) {
		errno = EIO;
		return NULL;
	}
	return next(d);
}

int fsync(int fd)
{
	int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");

	if (!is_to_fail("fsync", fd))
		return next(fd);
	errno = EIO;
	return -1;
}

int close(int fd)
{
	int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "close");
	bool fails = is_to_fail("close", fd);
	int rc = next(fd);

	if (!fails)
		return rc;
	errno = EIO;
	return -1;
}
