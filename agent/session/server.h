/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon: the socket, the sessions, and what runs beside them (kernel log, trial).
 * Stopped by SIGTERM or SIGINT.
 */
#ifndef KF_SERVER_H
#define KF_SERVER_H

#include "agent/agent.h"

/*
 * Serve until told to stop.  Takes the listening socket from systemd when there is one
 * (LISTEN_FDS), else makes its own at socket_path.  0 after an orderly stop.
 */
int server_run(struct agent *a, const char *socket_path,
	       struct kf_error *err) _must_check_;

#endif
