/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stopping early: SIGINT, SIGTERM and SIGHUP set a flag and wake every poll that waits
 * on cancel_fd().  A second SIGINT ends the program at once.
 */
#ifndef KF_CANCEL_H
#define KF_CANCEL_H

#include <stdatomic.h>

/* Install the handlers; once, by main. */
int cancel_init(void);
const atomic_bool *cancel_flag(void);
/*
 * From here on the first SIGINT or SIGTERM cancels nothing: it makes the descriptor,
 * which this returns and which stays this module's, readable for ever.  The next one is
 * as the first was before.  For what has something to finish yet.  A negative errno.
 */
int cancel_gently(void);
/* Readable for ever once cancelled; -1 before cancel_init() (unit tests). */
int cancel_fd(void);
/* The signal that did it, 0 if none. */
int cancel_signal(void);

#endif
