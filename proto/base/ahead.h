/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading ahead: a thread of its own produces blocks while another one works on those
 * before, as unpacking does beside writing.  Bounded: no more than what was asked for at
 * the beginning is ever held.  One reader.
 */
#ifndef KF_AHEAD_H
#define KF_AHEAD_H

#include <stddef.h>
#include <sys/types.h>

#include "proto/base/cleanup.h"

struct ahead;

/* Put up to n bytes at data and return how many; 0 at the end; negative errno.  It runs
 * in the thread, and is not called again after the end or an error. */
typedef ssize_t (*ahead_fill_fn)(void *arg, void *data, size_t n);

int ahead_new(ahead_fill_fn fill, void *arg, size_t block_size, unsigned blocks,
	      struct ahead **ret) _must_check_;
/* Ends the thread: a fill() that runs is waited for.  NULL is fine. */
void ahead_free(struct ahead *a);

/* The next block: *ret is valid until the next call.  Its length, and after the last one
 * what fill() ended with, 0 or its error. */
ssize_t ahead_next(struct ahead *a, const void **ret) _must_check_;

#endif
