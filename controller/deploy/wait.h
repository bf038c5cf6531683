/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waiting until a board is back from a reboot, or its agent is.
 *
 * Where the board was reached by a TCP connection before, its address is probed, which
 * costs little; a login follows at once when something answers.  Now and then there is a
 * login without a probe: the board may have another address.
 */
#ifndef KF_WAIT_H
#define KF_WAIT_H

#include "controller/client.h"
#include "controller/ui/ui.h"

/* A reboot, on the clock of this machine (clock_now_ms()). */
struct wait_boot {
	char old_boot_id[64];	      /* "": any will do */
	struct sockaddr_storage peer; /* ss_family 0: not known */
	int64_t asked;
	/* Found out: */
	int64_t down; /* it did not answer for the first time; 0: that was not seen */
	int64_t back; /* the agent of another boot answered */
};

/* What is known while the old boot is still connected; asked is now. */
void wait_boot_init(struct wait_boot *b, const struct client *c);

/*
 * Connect again and again, each time at most timeout.connect, until the agent answers
 * with another boot_id.  Shows the time as the step "reboot".  Ends at once for what
 * waiting cannot mend: a wrong host key, a wrong configuration, cancellation.  At the
 * deadline: -ETIMEDOUT, KF_REASON_TIMEOUT with what went wrong last.
 */
int wait_for_boot(const struct config *cfg, struct ui *ui, const char *board,
		  struct wait_boot *boot, deadline_ms deadline, struct client **ret,
		  struct kf_error *err) _must_check_;

/* After a connection was lost without a reboot: likewise, until the agent answers; shown
 * as the step named. */
int wait_for_agent(const struct config *cfg, struct ui *ui, const char *board,
		   const char *stage, deadline_ms deadline, struct client **ret,
		   struct kf_error *err) _must_check_;

#endif
