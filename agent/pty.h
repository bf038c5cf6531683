/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A terminal on the board for `kferry shell`: a program in a session of its own on a new
 * pseudo terminal.  The agent runs this outside of its sandbox, as it does any command;
 * what comes in is proto/pty.h.
 */
#ifndef KF_AGENT_PTY_H
#define KF_AGENT_PTY_H

#include "proto/base/err.h"

struct pty_options {
	unsigned rows, columns;
	const char *term;  /* TERM */
	char *const *argv; /* empty: the user's login shell */
};

/* Until it ends: its exit status, or 128 + signal.  At the end of the input, or when it
 * is told to end, it hangs up, as a terminal that is gone does: 129. */
int pty_run(const struct pty_options *o, struct kf_error *err) _must_check_;

#endif
