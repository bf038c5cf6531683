/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is to be traced, and setting it in an instance of tracefs or at its top. */
#ifndef KF_TRACESET_H
#define KF_TRACESET_H

#include <stddef.h>
#include <sys/types.h>

#include "proto/base/err.h"

struct traceset_event {
	const char *system;
	const char *event;  /* NULL: all of the system */
	const char *filter; /* NULL: none */
};

/* Nothing here is owned. */
struct traceset {
	struct traceset_event *events;
	size_t n_events;
	const char *tracer; /* NULL: events only */
	const char **functions;
	size_t n_functions;
	unsigned buffer_kib; /* of each processor; 0: as it is */
};

/* Can dir have the tracer?  KF_REASON_NOT_FOUND, with those that it can. */
int traceset_check(const struct traceset *t, int dir, struct kf_error *err) _must_check_;
/*
 * Set it in dir, with tracing switched off there.  What process `self` does is left out
 * where the kernel can.  KF_REASON_NOT_FOUND: there is no such event, tracer or function;
 * KF_REASON_INVALID: the kernel refuses it, with what it says.  What was set before the
 * error stays.
 */
int traceset_apply(const struct traceset *t, int dir, pid_t self,
		   struct kf_error *err) _must_check_;

#endif
