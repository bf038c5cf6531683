/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ssh link's first attempt: a channel of the session that a board's target has. */
#ifndef KF_WARM_H
#define KF_WARM_H

#include "controller/link/link.h"

struct link_warm;

/* An error means: connect directly (err says why not by a session), but for -ECANCELED.
 */
int link_warm_open(const struct config *cfg, const char *board, const char *command,
		   deadline_ms deadline, struct link_warm **ret, int *ret_fd,
		   char **ret_describe, struct kf_error *err) _must_check_;
pid_t link_warm_pid(const struct link_warm *w);
void link_warm_peer(const struct link_warm *w, struct sockaddr_storage *ret);
/* As link_failure(), in ms at most. */
int link_warm_failure(struct link_warm *w, int ms, struct kf_error *err);
/* NULL is fine. */
void link_warm_close(struct link_warm *w);

#endif
