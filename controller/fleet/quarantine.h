/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boards that failed again and again, themselves and not by a kernel, are put aside: no
 * deploy waits for one until somebody has seen to it (`kferry board revive`).
 *
 * A row of failures begins with a board that kferry had its hands on and that did not
 * come back; as long as it is away, each attempt at it is one more.  A board that is not
 * there to begin with was switched off by its owner, and has not failed.
 *
 * How often in a row is kept in a small file per board, quarantine/NAME.json below the
 * data directory: replaced as a whole, and changed only under a lock beside it, so that
 * calls at the same time count both.  A file that is damaged, or is not this user's, is
 * an error of reading (the board counts as one that has not failed), and is replaced by
 * the next count.  With quarantine.after = 0 nothing is counted and nothing refused.
 */
#ifndef KF_QUARANTINE_H
#define KF_QUARANTINE_H

#include "controller/config/config.h"

#define QUARANTINE_WHY 640 /* bytes of text that may be shown */

struct quarantine {
	unsigned failures; /* in a row */
	int64_t since;	   /* seconds since 1970; 0: it is not in quarantine */
	char why[QUARANTINE_WHY];
};

/* Is it the board, its power or its link that is at fault, when a run ends with this
 * reason (its name)?  Not: the kernel, the call, this machine, somebody else's lock. */
bool quarantine_is_fault(const char *reason);

/* What is known of a board; zero for one that has not failed. */
int quarantine_get(const struct config *cfg, const char *board, struct quarantine *ret,
		   struct kf_error *err) _must_check_;
/* One more failure; begins: it counts also where it is the first one.  *ret is what it
 * came to; *ret_new: with this one it is in quarantine. */
int quarantine_failed(const struct config *cfg, const char *board, const char *why,
		      bool begins, struct quarantine *ret, bool *ret_new,
		      struct kf_error *err) _must_check_;
/* It works: what was counted is forgotten, the quarantine too. */
int quarantine_clear(const struct config *cfg, const char *board,
		     struct kf_error *err) _must_check_;
/* The same board has another name. */
int quarantine_rename(const struct config *cfg, const char *from, const char *to,
		      struct kf_error *err) _must_check_;
/* KF_REASON_QUARANTINE: it is in quarantine; since when, why, and what to do. */
int quarantine_refuse(const struct quarantine *q, const char *board,
		      struct kf_error *err) _must_check_;
/* "2026-11-21 20:30", local time. */
const char *quarantine_since(const struct quarantine *q, char text[static 32]);

#endif
