/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keeper of the watchdog, between the early step and the agent.
 *
 * The agent starts late, and later than the watchdog's time-out where the disk or the
 * processor is slow: a good trial would be reset if nobody petted in between.  So the
 * early step leaves a small process behind that has the device open and pets it as the
 * agent does.  It ends, and always leaves the watchdog running, when
 *
 * - the agent asks for it (a byte through /run/kferry/watchkeeper.sock),
 * - the system goes down (SIGTERM),
 * - its time is up: from then on nobody pets, and the board resets.
 *
 * It needs no disk once it runs.  Nothing finds it by a process's number: who listens is
 * there, and who ends does not listen any more.
 */
#ifndef KF_WATCHKEEPER_H
#define KF_WATCHKEEPER_H

#include "agent/trial/watchdog.h"

/* A process of its own for *w, which is taken unless this fails.  until_ms: when its time
 * is up, in clock_now_ms().  Only where there are no threads. */
int watchkeeper_start(const struct agent *a, struct watchdog **w,
		      int64_t until_ms) _must_check_;
/* Has the watchdog a keeper? */
bool watchkeeper_is_there(const struct agent *a);
/* Ask it to let go, and wait for that at most wait_ms (0: only ask).  0: no keeper has
 * the watchdog now, or none had it; -EBUSY: it will, as soon as it can. */
int watchkeeper_relieve(const struct agent *a, int wait_ms) _must_check_;

/* What the keeper does next. */
struct watchkeeper_times {
	int64_t until_ms, next_ms; /* clock_now_ms() */
	int64_t every_ms;
};

enum watchkeeper_step { WATCHKEEPER_WAIT, WATCHKEEPER_PET, WATCHKEEPER_END };

/* *ret_wait_ms: WATCHKEEPER_WAIT is for so long.  After a pet the next one is every_ms
 * from now, however late this one was. */
enum watchkeeper_step watchkeeper_step(struct watchkeeper_times *t, int64_t now_ms,
				       int *ret_wait_ms);

#endif
