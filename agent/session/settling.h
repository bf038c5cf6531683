/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Putting the board in order after the agent's start, beside the loop: deploy_recover(),
 * then trial_settle().  Both run the boot chain's programs, which may take their time and
 * must not keep the watchdog waiting.
 *
 * Nobody should be let in before it is done; but an agent that never answers can only be
 * helped by hand, so that after a while it answers all the same.  a->settling is set
 * until the work has really ended: no deploy begins before that.
 */
#ifndef KF_SETTLING_H
#define KF_SETTLING_H

#include <uv.h>

#include "agent/agent.h"

/* In the caller's memory, which must be there until the loop has ended. */
struct settling {
	struct agent *agent;
	void (*ready)(void *arg);
	void *arg;
	uv_timer_t timer;
	unsigned late_ms;
};

/* Once.  ready() is called once, on the loop or (where there cannot be a thread) at once:
 * let others in.  It is not called after settling_stop(). */
void settling_start(struct settling *s, uv_loop_t *loop, struct agent *a,
		    unsigned late_ms, void (*ready)(void *arg), void *arg);
/* Nobody waits for it any more; the loop still does.  More than once is fine. */
void settling_stop(struct settling *s);

#endif
