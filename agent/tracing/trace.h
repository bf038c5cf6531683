/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `kferryd trace`: what `kferry trace` runs on the board, outside of the agent's sandbox.
 * What it has to say goes to standard output as records (proto/tracerec.h), errors too.
 */
#ifndef KF_TRACE_H
#define KF_TRACE_H

#include "agent/tracing/traceset.h"

struct trace_options {
	const char *root; /* "" or a scratch board's */
	struct traceset set;
	char *const
		*command; /* runs while it is traced; NULL: until standard input ends */
};

/*
 * Trace, and undo what was set for that.  It ends with the command, with standard input,
 * or when it is told to end.  0: the trace is whole, and the last record says how it
 * ended; else an exit status, and the last record says why.
 */
int trace_run(const struct trace_options *o);
/* The events or tracers there are, one a line; functions: what can be traced by one. */
int trace_list(const char *root, const char *what);
/* Switch everything off, at the top and in all instances; kferry's own are removed. */
int trace_reset(const char *root);

#endif
