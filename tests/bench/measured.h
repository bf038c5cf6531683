/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hot path whose instructions `make bench-check` counts: each program prepares what the
 * path needs, then calls measured() once, in which alone callgrind counts.  What it works
 * on is the same in every run.
 */
#ifndef KF_BENCH_MEASURED_H
#define KF_BENCH_MEASURED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline)) void measured(void);

/* A measurement of something that failed would be a good one. */
#define MUST(x)                                                                          \
	do {                                                                             \
		if (!(x)) {                                                              \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__,     \
				#x);                                                     \
			exit(1);                                                         \
		}                                                                        \
	} while (0)

/* Bytes that do not repeat soon, the same ones every time (xorshift). */
static inline uint32_t bench_next(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

#endif
