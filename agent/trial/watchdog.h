/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hardware watchdog while a trial runs.  conf.watchdog names the device; "auto" is
 * the first there is.  In a scratch root only a device named in the configuration is
 * used, below that root.
 */
#ifndef KF_WATCHDOG_H
#define KF_WATCHDOG_H

#include "agent/agent.h"

struct watchdog;

/* Opening starts it.  -ENOENT: none is there or wanted; -EBUSY: somebody else has it. */
int watchdog_open(const struct agent *a, struct watchdog **ret) _must_check_;
void watchdog_pet(struct watchdog *w);
/* Its time-out; 0 when it does not say. */
unsigned watchdog_seconds(const struct watchdog *w);
/* Stop it for good (the magic 'V').  false: this hardware cannot be stopped once it
 * runs, so it stays open and has to be petted on. */
bool watchdog_release(struct watchdog **w);
/* Close it and leave it running: without a next one to open it, the board resets. */
void watchdog_leave(struct watchdog **w);

#endif
