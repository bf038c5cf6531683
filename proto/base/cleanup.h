/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scope-bound release of synchronous resources.
 *
 * A variable marked _free_, _close_, ... is released when it leaves scope;
 * ownership is handed on only through TAKE_PTR() and TAKE_FD().  Never put
 * these marks on anything that an event loop or a thread still refers to.
 */
#ifndef KF_CLEANUP_H
#define KF_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _must_check_   __attribute__((warn_unused_result))

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

/* Closing must not change the errno that the caller is about to report. */
static inline void cleanup_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void cleanup_closedir(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define _free_	   _cleanup_(cleanup_free)
#define _close_	   _cleanup_(cleanup_close)
#define _fclose_   _cleanup_(cleanup_fclose)
#define _closedir_ _cleanup_(cleanup_closedir)

#define TAKE_PTR(p)                                                                      \
	({                                                                               \
		__typeof__(p) *_pp = &(p);                                               \
		__typeof__(p) _p = *_pp;                                                 \
		*_pp = NULL;                                                             \
		_p;                                                                      \
	})

#define TAKE_FD(fd)                                                                      \
	({                                                                               \
		int *_pfd = &(fd);                                                       \
		int _fd = *_pfd;                                                         \
		*_pfd = -1;                                                              \
		_fd;                                                                     \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
