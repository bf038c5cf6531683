/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of the kernel's own text form of a trace.  An engine without I/O. */
#ifndef KF_TRACELINE_H
#define KF_TRACELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of the line, not copied. */
struct traceword {
	const char *s;
	size_t n;
};

/* "  bash-1234    [001] d..2. 1234.567890: sched_switch: prev_comm=bash ..." */
struct traceline {
	struct traceword task, flags; /* flags may be empty */
	uint32_t pid;
	uint32_t cpu;
	uint64_t usec;
	struct traceword event; /* before the colon; empty for functions */
	struct traceword text;	/* behind the time, with the event's name */
};

/* line without its '\n'.  false: it is of another form (a comment, a graph of calls). */
bool traceline_parse(const char *line, size_t n, struct traceline *ret);
/* Does the kernel say there that events were lost?  *ret: how many, 0: not known. */
bool traceline_lost(const char *line, size_t n, uint64_t *ret);

#endif
