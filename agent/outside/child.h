/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program outside of the sandbox (outside.h), on the loop.  All calls on its thread.
 */
#ifndef KF_OUTSIDE_CHILD_H
#define KF_OUTSIDE_CHILD_H

#include <uv.h>

#include "agent/outside/outside.h"

struct outside_end {
	int error;  /* 0, or the negative errno of a program that did not run to its end;
		       outside_hint() */
	int status; /* its exit status */
	int signal; /* 0, or what killed it */
};

struct outside_child {
	uv_process_t process; /* where there is no helper */
	uv_pipe_t conn;	      /* where there is one */
	uv_timer_t timer;
	uv_write_t write;
	struct buf request;
	uint8_t reply[OUTSIDE_REPLY];
	size_t got;
	unsigned handles;
	bool has_process, has_conn;
	bool running, stopping;
	/* Once, unless outside_child_close() came first. */
	void (*ended)(void *arg, const struct outside_end *end);
	void (*closed)(void *arg);
	void *arg;
};

/* c is the caller's, zeroed but for ended, closed and arg.  From here on
 * outside_child_close() must be called. */
void outside_child_init(struct outside_child *c, uv_loop_t *loop);
/* Start p with these descriptors, which the caller may close.  That a program is missing
 * is told here or by ended(). */
int outside_child_start(struct outside_child *c, const struct agent *a,
			const struct outside_program *p, const int stdio[3]) _must_check_;
/* SIGTERM to its process group, two seconds later SIGKILL; ended() comes soon in any
 * case. */
void outside_child_stop(struct outside_child *c);
/* closed() is called when it does not touch its memory any more.  A program that runs
 * still is killed by the helper, and left alone where there is none. */
void outside_child_close(struct outside_child *c);

#endif
