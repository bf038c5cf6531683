/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Things that arrive one by one while others already wait for some of them: a thread's
 * work, and who waits for it.
 *
 * The work begins when something is waited for, and goes on to ARRIVAL_AHEAD things more
 * than there were then: what nobody asks for is not done.
 *
 * arrival_here() and arrival_is_over() are the work's; the rest is anybody's, on any
 * thread.  Whoever was told that a thing is here sees what the work did before.
 */
#ifndef KF_ARRIVAL_H
#define KF_ARRIVAL_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/cleanup.h"
#include "proto/base/err.h"

#define ARRIVAL_AHEAD 64

struct arrival;

/* 0: all of it is there.  Negative with err: what is not there yet does not come. */
typedef int (*arrival_fn)(struct arrival *a, void *arg, struct kf_error *err);

/* work(arg) tells of n things.  arg is the work's until arrival_free(). */
int arrival_new(size_t n, arrival_fn work, void *arg, struct arrival **ret) _must_check_;
/* Returns when the next one is wanted, or nobody wants the rest. */
void arrival_here(struct arrival *a, size_t i);
/* Nobody wants the rest. */
bool arrival_is_over(struct arrival *a);

/* Until i is here, or the work has ended without it: then its error.  There is no
 * deadline: the work must end by itself, also when it is cancelled. */
int arrival_wait(struct arrival *a, size_t i, struct kf_error *err) _must_check_;
/* Until the work has ended well. */
int arrival_wait_all(struct arrival *a, struct kf_error *err) _must_check_;
/* Ends the work as soon as that looks, and waits for its end.  NULL is fine. */
void arrival_free(struct arrival *a);

#endif
