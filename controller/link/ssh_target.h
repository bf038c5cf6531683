/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whom an SSH connection is to reach and as whom: a board's configuration, checked, and
 * with what ~/.ssh/config adds to it.  Its digest is the name of a target: two that
 * differ in anything which decides who is talked to have another one.
 */
#ifndef KF_SSH_TARGET_H
#define KF_SSH_TARGET_H

#include <libssh/libssh.h>

#include "controller/config/config.h"
#include "proto/digest.h"

struct ssh_target {
	char *board, *host, *user, *identity, *known_hosts, *pin;
	unsigned port; /* 0: as ~/.ssh/config says */
};

int ssh_target_init(const struct config *cfg, const char *board, struct ssh_target *ret,
		    struct kf_error *err) _must_check_;
void ssh_target_fini(struct ssh_target *t);
/* Tell the library; *ret_who: "pi@rpi4.local:22", the caller's to free. */
int ssh_target_apply(const struct ssh_target *t, ssh_session session, int timeout_ms,
		     char **ret_who, struct kf_error *err) _must_check_;
/* Nothing is connected to. */
int ssh_target_digest(const struct config *cfg, const char *board, struct digest *ret,
		      struct kf_error *err) _must_check_;

#endif
