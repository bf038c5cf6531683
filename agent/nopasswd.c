/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Only in the static agent: libuv's core refers to getpwuid_r() for functions that the
 * agent does not use, and glibc's would bring the name service, 90 KB of it, which a
 * static program cannot use without the very same glibc on the board.
 */
#ifdef KF_STATIC
#include <errno.h>
#include <pwd.h>
#include <stddef.h>

int getpwuid_r(uid_t uid, struct passwd *pwd, char *buf, size_t size, struct passwd **ret)
{
	(void)uid;
	(void)pwd;
	(void)buf;
	(void)size;
	*ret = NULL;
	return ENOENT;
}
#endif
