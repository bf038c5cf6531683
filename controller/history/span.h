/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A time that is looked back on, and the parts that a chart has of it: hours, when it is
 * no more than two days, else the local calendar's days, or several of them.
 */
#ifndef KF_HISTORY_SPAN_H
#define KF_HISTORY_SPAN_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"

#define SPAN_PARTS_MAX 64

struct span_part {
	int64_t from, until; /* seconds since 1970; until is not in it */
	char label[24];	     /* "14:00", "11-24 Tue", "2026-11-23" */
};

struct span {
	int64_t from, until;
	struct span_part parts[SPAN_PARTS_MAX];
	size_t n;
};

/* The last `days` days, today is one of them. */
void span_days(int days, int64_t now, struct span *ret);
/* "2026-11-21", "2026-11-21 14:30" (local), or 90m, 36h, 10d, 2w before now.
 * KF_REASON_USAGE. */
int span_since(const char *text, int64_t now, struct span *ret,
	       struct kf_error *err) _must_check_;
/* The part that a time is in; NULL: none. */
const struct span_part *span_find(const struct span *s, int64_t when);

#endif
