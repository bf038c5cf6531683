/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lines of a program's output or of a console's: cut at '\n' however the bytes came,
 * without '\r', NULs and the escape sequences that terminals obey.  An engine without
 * I/O; a line of any length takes LINES_MAX bytes of memory.
 */
#ifndef KF_LINES_H
#define KF_LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/buf.h"

#define LINES_MAX  65536 /* bytes of a line that are kept; the rest of it is dropped */
#define LINES_KEEP 2048	 /* of those, what lines_keep() takes */

struct lines {
	struct buf line;
	uint64_t number; /* of the line that is being put together, from 1 */
	int escape;	 /* within an escape sequence: which part of it */
};

/* line is valid for the call, and ends with a NUL that n does not count; number counts
 * from 1. Not 0 ends the feeding and is returned. */
typedef int (*lines_fn)(void *arg, const char *line, size_t n, uint64_t number);

void lines_init(struct lines *l);
void lines_fini(struct lines *l);
int lines_feed(struct lines *l, const void *data, size_t n, lines_fn fn,
	       void *arg) _must_check_;
/* The end: a last line may lack its '\n'. */
int lines_end(struct lines *l, lines_fn fn, void *arg) _must_check_;

/* Append a line to what a test has printed, of which the last `max` bytes at least stay.
 */
int lines_keep(struct buf *b, const char *line, size_t n, size_t max) _must_check_;

/*
 * Skip what consoles and log programs put in front of a kernel's line: "<6>",
 * "[   12.345678] ", "[    T1] ", "[   C0] " and a time of the host such as
 * "2026-11-21T20:30:04.588Z ".  Blanks behind are the line's own.  ret_stamp: whether
 * there was any.
 */
const char *lines_skip_stamps(const char *line, bool *ret_stamp);

#endif
