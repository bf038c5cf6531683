/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is to be traced, in kworkflow's words:
 *
 *	events   SYSTEM[:EVENT,EVENT...][;SYSTEM...]   each may have a [FILTER] behind it
 *	ftrace   TRACER[:FUNCTION,FUNCTION...]
 *
 * A system without events means all of them.  A filter ends at the first "]" outside of
 * its quoted strings, and may hold anything else.  EVENT may have * and ? in it, but then
 * no filter.  An engine without I/O.
 */
#ifndef KF_TRACESPEC_H
#define KF_TRACESPEC_H

#include <stddef.h>

#include "proto/base/err.h"

struct tracespec_event {
	char *system;
	char *event;  /* NULL: all of the system */
	char *filter; /* NULL: none */
};

struct tracespec {
	struct tracespec_event *events;
	size_t n_events;
	char *tracer;
	char **functions;
	size_t n_functions;
};

void tracespec_fini(struct tracespec *s);
#define _tracespec_ _cleanup_(tracespec_fini)

/* *ret is empty before.  KF_REASON_USAGE names the place and what is expected there. */
int tracespec_events(const char *text, struct tracespec *ret,
		     struct kf_error *err) _must_check_;
int tracespec_ftrace(const char *text, struct tracespec *ret,
		     struct kf_error *err) _must_check_;

#endif
