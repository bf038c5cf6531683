/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's log while tests run: a connection of its own, whose records are kept in
 * the run's dmesg and given to an attempt.
 *
 * A log that cannot be had any more ends the watching and not the test: the records since
 * are asked for when the test has ended.
 */
#ifndef KF_WATCH_H
#define KF_WATCH_H

#include "controller/deploy/deploy_internal.h"
#include "controller/suite/attempt.h"

struct watch {
	struct deploy *d;
	struct client *client; /* NULL: not watching */
	struct buf rest;       /* a record that is not whole yet */
	uint64_t since_us;     /* records until then are not of the tests */
	uint64_t newest_us;    /* of those that were taken: times are in no order */
	uint64_t bytes;	       /* of all that came */
	uint64_t next_seq;     /* after the last that was taken: numbers are */
	uint64_t lost;
	int fd; /* of dmesg; -1: none */
	bool full;
};

/* since_us: records later than that. */
void watch_init(struct watch *w, struct deploy *d, uint64_t since_us);
void watch_fini(struct watch *w);
/* Begin, or begin again.  Another boot than d->client's is a connection that is lost. */
int watch_open(struct watch *w, struct kf_error *err) _must_check_;
void watch_close(struct watch *w);
/* To poll; -1: not watching. */
int watch_fd(const struct watch *w);
/* Take what has come.  A connection that broke is closed and no error. */
int watch_take(struct watch *w, struct attempt *a, struct kf_error *err) _must_check_;
/* All that the kernel has logged until now, watching or not. */
int watch_settle(struct watch *w, struct attempt *a, struct kf_error *err) _must_check_;

#endif
