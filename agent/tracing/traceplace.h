/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a trace is made: in an instance of tracefs of its own, kferry-<n>, which leaves
 * everybody else's tracing alone and takes all that was set with it when it is removed;
 * or, for a tracer that instances cannot have, at the top of tracefs, whose settings are
 * then saved and put back.  A guard does that, whatever becomes of this process.
 *
 * Whoever makes a trace holds a lock on its directory: an instance without one is a
 * leftover, and removed by the next trace.
 */
#ifndef KF_TRACEPLACE_H
#define KF_TRACEPLACE_H

#include "agent/tracing/guard.h"
#include "agent/tracing/traceset.h"

struct topstate;

struct traceplace {
	int top;		/* directory of tracefs; -1: not open */
	int dir;		/* where to trace: the instance or the top */
	char instance[48];	/* "kferry-123"; "": at the top */
	struct topstate *saved; /* of the top, when it is there */
	struct guard guard;
};

/* KF_REASON_BUSY: another kferry traces at the top. */
int traceplace_open(const char *root, const struct traceset *t, struct traceplace *ret,
		    struct kf_error *err) _must_check_;
/* All files in it are closed: undo everything. */
void traceplace_close(struct traceplace *p);

/* Remove the instances of those who are gone. top: of tracefs.  How many there were. */
unsigned traceplace_sweep(int top);

#endif
