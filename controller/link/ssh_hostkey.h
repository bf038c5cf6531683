/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host key of a session against what is known of it. */
#ifndef KF_SSH_HOSTKEY_H
#define KF_SSH_HOSTKEY_H

#include <libssh/libssh.h>

#include "controller/link/link.h"

/* pin: "SHA256:..." that alone counts, or NULL for known_hosts. */
int ssh_hostkey_look(ssh_session session, const char *pin, struct link_host_key *ret,
		     struct kf_error *err) _must_check_;
/* 0 for a good key, else KF_REASON_HOST_KEY with what to do. */
int ssh_hostkey_judge(const struct link_host_key *key, const char *who, const char *board,
		      const char *host, struct kf_error *err) _must_check_;

#endif
