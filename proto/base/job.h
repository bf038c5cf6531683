/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Blocking work beside a libuv loop: straight-line C on a thread of its own.
 *
 * Each job has its own thread (the loop's pool is shared with file and name
 * look-ups, and a deploy lasts minutes).  work() runs there and touches only
 * what arg holds.  done() runs on the loop thread, always, also after a cancel,
 * and is the only place where arg may be released.  job_progress() may be called
 * by work(): progress() then runs on the loop thread, calls coalesced.
 */
#ifndef KF_JOB_H
#define KF_JOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

#include "proto/base/cleanup.h"

struct job;

struct job_ops {
	int (*work)(struct job *job,
		    void *arg);		     /* job thread; its result goes to done() */
	void (*progress)(void *arg);	     /* loop thread, may be NULL */
	void (*done)(void *arg, int result); /* loop thread */
};

/* *ret_job is set before work() can begin (NULL on failure) and valid until done()
 * returns. */
int job_start(uv_loop_t *loop, const struct job_ops *ops, void *arg,
	      struct job **ret_job) _must_check_;
/* Ask work() to end: it sees job_cancelled(). Any thread. */
void job_cancel(struct job *job);
const atomic_bool *job_cancel_flag(const struct job *job);
static inline bool job_cancelled(const struct job *job)
{
	return atomic_load(job_cancel_flag(job));
}
void job_progress(struct job *job);

#endif
