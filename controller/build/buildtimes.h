/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a tree's builds took, and how far they were meanwhile, so that one that runs
 * can be told how long it will.  An engine without I/O.
 *
 * Builds are alike when they made the same targets with the same words, and when both
 * began with nothing built or both with something.
 */
#ifndef KF_BUILDTIMES_H
#define KF_BUILDTIMES_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/buf.h"

#define BUILDTIMES_BUILDS 24 /* kept */
#define BUILDTIMES_POINTS                                                                \
	16 /* of each build: when so many sixteenths of it were done                     \
	    */
#define BUILDTIMES_TEXT (64u << 10)
/* Files a build makes; nothing is kept of one with more. */
#define BUILDTIMES_STEPS 200000u

struct buildtimes_one {
	char what[33]; /* digest of the words, lower-case hex */
	bool fresh;
	unsigned steps;
	int64_t took_ms;
	int64_t at_ms[BUILDTIMES_POINTS];
};

struct buildtimes {
	struct buildtimes_one v[BUILDTIMES_BUILDS]; /* oldest first */
	size_t n;
};

/* Milliseconds left for a build of that kind that has made so many files in so long;
 * -1: not known. */
int64_t buildtimes_left(const struct buildtimes *h, const char *what, bool fresh,
			unsigned steps, int64_t elapsed_ms);
/* at_ms[i] of a build whose file number i was begun at times[i]. */
void buildtimes_points(struct buildtimes_one *b, const int32_t *times);
void buildtimes_add(struct buildtimes *h, const struct buildtimes_one *b);

int buildtimes_print(const struct buildtimes *h, struct buf *out) _must_check_;
/* -EBADMSG: it is none; then h is empty. */
int buildtimes_parse(const char *text, size_t n, struct buildtimes *h) _must_check_;

#endif
