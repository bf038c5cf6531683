/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mounting in a unit test.  A test may skip() only where it is not allowed to: EPERM,
 * which is for whoever has no CAP_SYS_ADMIN (not root, or root of a container), and
 * EACCES, with which a security module refuses.  Any other error fails the test.
 */
#ifndef KF_TEST_MOUNTED_H
#define KF_TEST_MOUNTED_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

/* false: it is not allowed here, and the caller cleans up and skips. */
static inline bool test_mount(const char *source, const char *target, const char *type,
			      unsigned long flags, const char *options)
{
	if (mount(source, target, type, flags, options) == 0)
		return true;
	if (errno != EPERM && errno != EACCES)
		fail_msg("mount %s: %s", target, strerror(errno));
	print_message("mount %s: %s: not allowed here, so what needs it is skipped\n",
		      target, strerror(errno));
	return false;
}

#endif
