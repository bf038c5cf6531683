/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A console's bytes as lines with the host's time, escaped so that any terminal may show
 * them: "2026-11-21T20:30:04.250Z [    0.000000] Linux version ...".  The time is that of
 * a line's first byte.  Bounded: a longer line is cut into several.  Without I/O.
 */
#ifndef KF_STAMP_H
#define KF_STAMP_H

#include <stdint.h>

#include "proto/base/buf.h"

#define STAMP_LINE_MAX 4096u
#define STAMP_LAST_MAX 160u

struct stamp {
	struct buf line;	   /* that has not ended yet */
	int64_t began;		   /* its first byte; Unix time in ms */
	char last[STAMP_LAST_MAX]; /* of the last line that was not empty, raw */
};

/* Whole lines are appended to out.  now: Unix time in ms. */
int stamp_feed(struct stamp *s, int64_t now, const void *data, size_t n,
	       struct buf *out) _must_check_;
/* The last line has no end. */
int stamp_end(struct stamp *s, struct buf *out) _must_check_;
void stamp_fini(struct stamp *s);

/* Unix time, ms. */
int64_t stamp_now(void);

#endif
