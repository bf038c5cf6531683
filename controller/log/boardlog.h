/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log of a boot of a board, looked through while it comes. */
#ifndef KF_BOARDLOG_H
#define KF_BOARDLOG_H

#include "controller/client.h"
#include "controller/log/classifier.h"

#define BOARDLOG_STALL_MS 60000	 /* a log has to go on coming */
#define BOARDLOG_ALL_MS	  600000 /* and to end: a board that floods never comes to it */

/* boot: 0 this one, -1 the one before, ...; slot: which that boot must have been of, or
 * NULL; another's is -ESTALE, and nothing of it goes through c.  Else all of it does as
 * one source named "dmesg"; an empty log is an error. */
int boardlog_read(struct client *client, int boot, const char *slot, struct classifier *c,
		  deadline_ms deadline, struct kf_error *err) _must_check_;

#endif
