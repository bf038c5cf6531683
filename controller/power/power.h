/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A board's power, switched by the lab's own programs: power.on, power.off, power.cycle.
 *
 * Each is an argv, never a shell's, and has timeout.power to end in.  It gets the user's
 * environment with KFERRY_BOARD (the board's name) and KFERRY_POWER (on, off, cycle), no
 * input, and a process group of its own.  Where power.cycle is not set, it is power.off,
 * power.pause, power.on.
 *
 * A cycle never ends with the power off if a program can help it: once something may have
 * switched it off, power.on is run (twice, if need be), also after an error or when the
 * call was cancelled; only what comes before that is cut short by the flag.
 */
#ifndef KF_POWER_H
#define KF_POWER_H

#include <stdatomic.h>

#include "controller/config/config.h"

enum power_action { POWER_ON, POWER_OFF, POWER_CYCLE };

struct power {
	int log_fd; /* what the programs print is written there; -1: it is not kept */
	const atomic_bool *cancel; /* may be NULL */
	/* Found out: it was switched off, or may have been, and nothing has shown that it
	 * is on again. */
	bool maybe_off;
};

/* "on", "off", "cycle". */
const char *power_name(enum power_action what);
/* Is there a program (for a cycle: or two) for it? */
bool power_can(const struct config *cfg, const char *board, enum power_action what);
/*
 * Do it.  The error names the key, the program, its exit status and its last line, and
 * says when the board may be off.  KF_REASON_CONFIG: nothing is configured, or not
 * readable; KF_REASON_EXEC: a program; KF_REASON_CANCELLED.
 */
int power_do(const struct config *cfg, const char *board, enum power_action what,
	     struct power *p, struct kf_error *err) _must_check_;

#endif
