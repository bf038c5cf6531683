/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program on the board that is waited for: the small ones around a test
 * suite, and checks of health. */
#ifndef KF_BOARDCMD_H
#define KF_BOARDCMD_H

#include "controller/client.h"

#define BOARDCMD_OUTPUT 65536 /* bytes of output that are kept: the last ones */

/* Start it; it is ended after timeout_ms.  What goes to its standard input is the
 * caller's to send (client_send_data(), with FRAME_END at the end). */
int boardcmd_start(struct client *c, const char *const argv[], int64_t timeout_ms,
		   struct kf_error *err) _must_check_;
/* Until it ends: its status, and in out (may be NULL) what it printed. */
int boardcmd_finish(struct client *c, int64_t timeout_ms, struct buf *out,
		    int *ret_status, struct kf_error *err) _must_check_;
/* Both, without input. */
int boardcmd_run(struct client *c, const char *const argv[], int64_t timeout_ms,
		 struct buf *out, int *ret_status, struct kf_error *err) _must_check_;
/* Likewise, and a status that is not 0 is an error with its last line; what says what was
 * tried. */
int boardcmd_check(struct client *c, const char *const argv[], int64_t timeout_ms,
		   const char *what, struct kf_error *err) _must_check_;
/* The last line of what it printed that is not empty; changes out. */
const char *boardcmd_last_line(struct buf *out);

#endif
