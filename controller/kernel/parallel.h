/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The same work on many things, on all processors; the caller waits. */
#ifndef KF_PARALLEL_H
#define KF_PARALLEL_H

#include <stddef.h>

#include "proto/base/cleanup.h"

/* Work on the i-th, on any thread; negative errno ends the whole. */
typedef int (*parallel_fn)(void *arg, size_t i);

/*
 * fn for each of 0..n-1.  0, the first negative errno that fn returned (what was begun
 * is ended first), or -ECANCELED once the program was told to stop.  ret_at (may be NULL)
 * is which one failed.
 */
int parallel_run(size_t n, parallel_fn fn, void *arg, size_t *ret_at) _must_check_;

#endif
