/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starting a session: another kferry logs in, still in the foreground, so that it may
 * tell what is wrong and be interrupted, and says "ready" on its standard input, a
 * socket, when it goes on by itself.
 */
#ifndef KF_SESSION_START_H
#define KF_SESSION_START_H

#include "controller/config/config.h"
#include "proto/base/clock.h"
#include "proto/base/err.h"

struct session_start {
	const struct config *cfg; /* what was given with -o is handed on */
	const char *board;
	const char *const *flags; /* for the new process: "--json", ...; may be NULL */
	bool silent;		  /* it tells nothing */
	deadline_ms deadline;	  /* it goes on by itself when that is up */
};

/* 0: there is one now; *ret_new: it was started.  -ECHILD: it ended with *ret_status, and
 * has told why.  Other errors are in err. */
int session_start(const struct session_start *s, bool *ret_new, int *ret_status,
		  struct kf_error *err) _must_check_;
/* The other side of that, `session serve`: log in, say so, and serve until it is over. */
int session_run(const struct config *cfg, const char *board,
		struct kf_error *err) _must_check_;

#endif
