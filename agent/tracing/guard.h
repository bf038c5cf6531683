/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Something that must be undone whatever becomes of this process: a child in a group of
 * its own waits for its end, and undoes it.  SIGKILL to the whole process group, which is
 * how a command of the agent's ends when its connection has died, does not reach it.
 */
#ifndef KF_GUARD_H
#define KF_GUARD_H

#include <sys/types.h>

#include "proto/base/cleanup.h"

struct guard {
	pid_t pid; /* 0: there is none */
	int fd;
};

/* From here on undo(arg) is called once, in that child.  It has no standard streams. */
int guard_start(struct guard *g, void (*undo)(void *arg), void *arg) _must_check_;
/* Have it undone now, and wait for that.  Does nothing where there is none. */
void guard_end(struct guard *g);

#endif
