/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A trace as the words of `kferryd trace run`. */
#ifndef KF_TRACEWORDS_H
#define KF_TRACEWORDS_H

#include "controller/tracing/tracespec.h"
#include "proto/limits.h"

/* Each event with its filter, or each function, and a few more. */
#define TRACEWORDS_MAX (2 * LIMIT_TRACE + 8)

struct tracewords {
	char *v[TRACEWORDS_MAX + 1]; /* ends with NULL */
	size_t n;
};

void tracewords_fini(struct tracewords *w);
#define _tracewords_ _cleanup_(tracewords_fini)

/* *ret is empty before.  buffer_kib 0: the board's; command (may be NULL) is for its sh.
 * -ENOMEM. */
int tracewords_make(const struct tracespec *spec, unsigned buffer_kib,
		    const char *command, struct tracewords *ret) _must_check_;

#endif
