/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What arming, confirming, rolling back and judging share.  Only for
 * agent/trial/trial*.c.
 */
#ifndef KF_TRIAL_PARTS_H
#define KF_TRIAL_PARTS_H

#include "agent/trial/trial.h"

struct boot_chain;

#define ARMED	  KFERRY__TRIAL__TRIAL_ARMED
#define RUNNING	  KFERRY__TRIAL__TRIAL_RUNNING
#define NONE	  KFERRY__TRIAL__TRIAL_NONE
#define FELL_BACK KFERRY__TRIAL__TRIAL_FELL_BACK
#define CONFIRMED KFERRY__TRIAL__TRIAL_CONFIRMED

/* The chain that a slot was staged for. */
int trial_chain_of(const struct agent *a, const char *id, const struct boot_chain **ret,
		   struct kf_error *err) _must_check_;
/* A slot that was installed under one system image must not start it again after an
 * update has switched to the other. */
int trial_check_image(struct agent *a, const char *slot,
		      struct kf_error *err) _must_check_;
/* An arm through another chain than `now` would still be there after ours. t: the trial
 * before ours. */
int trial_disarm_other(struct agent *a, const struct state_trial *t,
		       const struct boot_chain *now, struct kf_error *err) _must_check_;
/* Slots whose trial is no longer the one under way are as good as staged. */
void trial_end_others(struct state *s);
/* The state as it was before an arm of `slot`; nothing is armed now, unless (still_armed)
 * what was armed before still is.  Takes state_lock; a failure is logged. */
void trial_unrecord(struct agent *a, const char *slot, const struct state *before,
		    bool still_armed);
/* The trial that runs in this boot, however many slots were armed since; it may be in
 * *tmp.  NULL: none does.  state_lock is held. */
const struct state_unconfirmed *trial_running(const struct agent *a,
					      struct state_unconfirmed *tmp);
/* The trial was started and did not confirm: its slot is bad, unless the board has it as
 * its known-good or default.  state_lock is held; the caller saves. */
void trial_fell_back(struct agent *a);
/* Make `slot` (or FOREIGN) what boots by default, through its own chain, and take the
 * default away from every other chain that has a slot of ours: which of two boot stages
 * comes first is the firmware's choice.  The state has it as next_default until its
 * default_slot is the same; that is for the caller to save.  chain_lock is held. */
int trial_commit(struct agent *a, const char *slot, struct kf_error *err) _must_check_;
/* Keep the deadline of the trial that runs, whatever becomes of the record of it.
 * state_lock is held; the caller saves. */
void trial_keep_deadline(struct agent *a);
/* Do what trial_boot() left, if that was not done yet; chain_lock is held. */
void trial_settle_locked(struct agent *a);

#endif
