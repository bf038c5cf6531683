/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent's unix socket, from both ends, and systemd's two small protocols. */
#ifndef KF_LISTEN_H
#define KF_LISTEN_H

#include <stdbool.h>

#include "agent/agent.h"

#define SOCKET_GROUP "kferry"

/*
 * The listening socket: systemd's (*ret_own false), or one of our own at path,
 * 0660 root:kferry.  A socket that nobody listens on is replaced; one that answers is an
 * error.
 */
int listen_open(const struct agent *a, const char *path, int *ret_fd, bool *ret_own,
		struct kf_error *err) _must_check_;
/* Connect to an agent; err says what to do when that fails. */
int listen_connect(const char *path, int *ret_fd, struct kf_error *err) _must_check_;
/* Tell systemd, if it wants to know ("READY=1"). */
void listen_notify(const char *state);

#endif
