/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of a trial: arm, run, confirm or fall back.
 *
 *	none --arm--> armed --boot into it--> running --confirm--> confirmed
 *	 ^              |                        |
 *	 |              +--boot elsewhere--------+--deadline, crash--> fell back
 *	 +--------------+  it was never started                     (slot bad)
 *
 * trial_boot() decides at every agent start, from the state and from what runs, where in
 * that picture this boot is; whether what was armed was started at all is for
 * trial_settle() to ask the boot chain.  While a trial runs, trial_watch() keeps a timer
 * on CLOCK_BOOTTIME (confirm_timeout_s from the start of this kernel) that reboots, and
 * pets the hardware watchdog.  The state is saved before anything acts on it.
 */
#ifndef KF_TRIAL_H
#define KF_TRIAL_H

#include <uv.h>

#include "agent/agent.h"

/* How long after its deadline a trial is ended by other means than the agent's orderly
 * reboot: its forced one, kferry-deadline, and a watchdog that the early step's keeper
 * does not pet any more. */
#define TRIAL_GRACE_S 60

/* Blocking. Records the trial, arms through the slot's chain, reads back; undone on
 * failure. */
int trial_arm(struct agent *a, const char *slot, unsigned confirm_timeout_s,
	      char text[256], struct kf_error *err) _must_check_;
/* The same through kexec, whatever the slot's chain is: nothing of that is armed. */
int trial_arm_kexec(struct agent *a, const char *slot, unsigned confirm_timeout_s,
		    char text[256], struct kf_error *err) _must_check_;
/* Once per agent start; idempotent within a boot.  Runs no program: what is to be done to
 * the boot chain is left in a->unsettled. */
int trial_boot(struct agent *a, struct kf_error *err) _must_check_;
/* Once after that, beside the loop: the boot chain is brought to what the state says, and
 * one that counts boots learns that this one came up.  Blocking, for as long as outside
 * programs take; failures are logged.  Whoever arms, confirms or rolls back before it
 * does the first part himself. */
void trial_settle(struct agent *a);
/* The slot is good (and known-good when it is or becomes the default); ends the deadline.
 * Refused (KF_REASON_NOT_RUNNING) for one that was started by kexec and never was good:
 * nothing shows that the board boots it.  Likewise, whatever force says, for one that
 * runs and was staged anew since. */
int trial_confirm(struct agent *a, const char *slot, bool make_default, bool force,
		  struct kf_error *err) _must_check_;
/* The same where that has to do as a proof. */
int trial_confirm_kexec(struct agent *a, const char *slot, bool make_default, bool force,
			struct kf_error *err) _must_check_;
/* The running trial is over and nothing is wrong with it: no deadline any more, the slot
 * is staged as before, the next reset starts what it always did. */
int trial_end(struct agent *a, const char *slot, struct kf_error *err) _must_check_;
/* Default and known-good back to `slot` or FOREIGN; an armed trial is disarmed. */
int trial_rollback(struct agent *a, const char *slot, struct kf_error *err) _must_check_;
/* Does this boot's kernel run as a trial that is not confirmed, also when another slot
 * was armed since?  *ret_timeout_s: its deadline, from the start of the kernel. */
bool trial_timeout(const struct agent *a, unsigned *ret_timeout_s);
/* The same, also before trial_boot() has judged this boot: for the early step, whose
 * watchdog the agent must be going to pet. */
bool trial_is_on(const struct agent *a, unsigned *ret_timeout_s);
/* The board is about to start what kexec has loaded: from now on a slot that does not
 * come up has failed. */
int trial_kexec_starts(struct agent *a, struct kf_error *err) _must_check_;
/* A trial runs, and its time is up: the board is going down, or will in a moment. */
bool trial_is_over(const struct agent *a);
/* Milliseconds until the running trial's deadline; 0 when no trial runs. */
uint64_t trial_left_ms(const struct agent *a);

struct trial_watch;
/* Timer and watchdog on the loop; while no trial runs, only a watchdog that somebody
 * else started is stopped, or petted on.  Call again after a confirm.  The fd of the
 * watchdog is opened here and, on confirm, closed with the magic 'V'. */
int trial_watch_start(uv_loop_t *loop, struct agent *a, struct trial_watch **ret,
		      struct kf_error *err) _must_check_;
void trial_watch_update(struct trial_watch *w);
void trial_watch_stop(struct trial_watch *w);

#endif
