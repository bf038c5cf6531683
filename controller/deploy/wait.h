/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting until a board is back from a reboot, or its agent is. */
#ifndef KF_WAIT_H
#define KF_WAIT_H

#include "controller/client.h"
#include "controller/ui/ui.h"

/*
 * Connect again and again, each time at most timeout.connect, until the agent answers
 * with another boot_id than old_boot_id (NULL: any).  Shows the time as the step
 * "reboot".  Ends at once for what waiting cannot mend: a wrong host key, a wrong
 * configuration, cancellation.  At the deadline: -ETIMEDOUT, KF_REASON_TIMEOUT with what
 * went wrong last.
 */
int wait_for_boot(const struct config *cfg, struct ui *ui, const char *board,
		  const char *old_boot_id, deadline_ms deadline, struct client **ret,
		  struct kf_error *err) _must_check_;

/* After a connection was lost without a reboot: likewise, until the agent answers; shown
 * as the step named. */
int wait_for_agent(const struct config *cfg, struct ui *ui, const char *board,
		   const char *stage, deadline_ms deadline, struct client **ret,
		   struct kf_error *err) _must_check_;

#endif
