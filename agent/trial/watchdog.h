/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hardware watchdog while a trial runs.  conf.watchdog names the device; "auto" is
 * the first that is hardware.  In a scratch root only a device named in the configuration
 * is used, below that root.
 *
 * It is handed from hand to hand: the early step starts it, its keeper (watchkeeper.h)
 * pets it, the agent takes it over.  Each notes in /run/kferry/watched when he petted it
 * last, and the next one measures: where nobody kept it, its time-out has to be longer
 * than that took.
 */
#ifndef KF_WATCHDOG_H
#define KF_WATCHDOG_H

#include "agent/agent.h"

struct watchdog;

/* Opening starts it.  The time-out is conf.watchdog_s, or the most that the device takes
 * of it.  -ENOENT: none is there or wanted; -EBUSY: somebody else has it. */
int watchdog_open(const struct agent *a, struct watchdog **ret) _must_check_;
void watchdog_pet(struct watchdog *w);
/* How often: every third of its time-out, at least every 5 s. */
int watchdog_pet_ms(const struct watchdog *w);
/* Note that it was petted now, for the next one. */
void watchdog_note(const struct watchdog *w);
/* Its time-out; 0 when it does not say. */
unsigned watchdog_seconds(const struct watchdog *w);
/* How long nobody petted it before it was opened here, in this boot; 0: nobody had it. */
int64_t watchdog_gap_ms(const struct watchdog *w);
/* What ends a hang, for a person: what watchdog_open() gave (w may be NULL, then rc is
 * its error; -EINPROGRESS: the keeper has it still). */
void watchdog_describe(const struct agent *a, const struct watchdog *w, int rc,
		       char text[256]);
/* The firmware has started it, and the kernel pets it only until watchdog.open_timeout=
 * of the command line has passed: somebody has to open it, trial or not. */
bool watchdog_is_awaited(const struct agent *a);
/* Somebody let go of it in this boot and left it running (/run/kferry/watched). */
bool watchdog_was_left(const struct agent *a);
/* Stop it for good (the magic 'V').  false: this hardware cannot be stopped once it
 * runs, so it stays open and has to be petted on. */
bool watchdog_release(struct watchdog **w);
/* Close it and leave it running: without a next one to open it, the board resets. */
void watchdog_leave(struct watchdog **w);
/* Its descriptor, for a process that closes all others. */
int watchdog_fd(const struct watchdog *w);
/* A process that was forked has it now: only ours of the two descriptors goes. */
void watchdog_forget(struct watchdog **w);

#endif
