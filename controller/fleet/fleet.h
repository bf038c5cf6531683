/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The same work for several boards at once: jobs, each on a thread of its own, with a
 * bound on how many run at a time.
 *
 * A fleet belongs to the thread that made it: only that one adds and waits.  A job's arg
 * is the job's from fleet_add() until fleet_wait(); what jobs share must not change
 * meanwhile (configuration, kernel, options), or be thread-safe (ui, parcels).  Jobs see
 * to cancel_flag() themselves; threads of a fleet take no signals.
 */
#ifndef KF_FLEET_H
#define KF_FLEET_H

#include "proto/base/cleanup.h"

struct fleet;

typedef void (*fleet_fn)(void *arg);

int fleet_new(unsigned at_once, struct fleet **ret) _must_check_;
/* Begin fn(arg) now, or when one before ends.  Negative errno: it will not be done. */
int fleet_add(struct fleet *f, fleet_fn fn, void *arg) _must_check_;
/* Until all that was added has ended; more may be added afterwards. */
void fleet_wait(struct fleet *f);
/* Waits, too.  NULL is fine. */
void fleet_free(struct fleet *f);

#endif
