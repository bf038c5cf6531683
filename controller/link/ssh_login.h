/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a board's configuration to an SSH session that is logged in: connect, check the
 * host key, authenticate.  Name look-up, ProxyCommand and SSH agents block, whatever the
 * library is told, so this runs on a thread of its own; when the deadline passes first,
 * the thread is left to end by itself and to free what it has.
 */
#ifndef KF_SSH_LOGIN_H
#define KF_SSH_LOGIN_H

#include <libssh/libssh.h>

#include "controller/link/link.h"

/* ret_key given: only look at the host key and end, logged in nowhere (*ret stays).
 * *ret_describe (may be NULL): "pi@rpi4.local:22", the caller's to free. */
int ssh_login(const struct config *cfg, const char *board, deadline_ms deadline,
	      struct link_host_key *ret_key, ssh_session *ret, char **ret_describe,
	      struct kf_error *err) _must_check_;
/* The same in two parts, for who must not wait: the descriptor is readable when the login
 * has ended, and ssh_login_end() gives its result and frees; called earlier it gives up
 * (-ETIMEDOUT). */
struct ssh_login;
int ssh_login_start(const struct config *cfg, const char *board, deadline_ms deadline,
		    bool look_only, struct ssh_login **ret,
		    struct kf_error *err) _must_check_;
int ssh_login_fd(const struct ssh_login *l);
int ssh_login_end(struct ssh_login *l, struct link_host_key *ret_key, ssh_session *ret,
		  char **ret_describe, struct kf_error *err) _must_check_;
/* The far end's address; false: it is reached through a program. */
bool ssh_login_peer(ssh_session session, struct sockaddr_storage *ret);
/* Say good-bye and free. */
void ssh_logout(ssh_session session);

#endif
