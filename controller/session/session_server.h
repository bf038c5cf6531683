/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process of a session: one SSH connection, a socket, and the commands that come to
 * it, each with a channel of its own.  One loop on one thread; what is in memory for a
 * command is a block each way and what its socket and its channel's window hold.
 */
#ifndef KF_SESSION_SERVER_H
#define KF_SESSION_SERVER_H

#include "controller/link/carrier.h"

#define SESSION_GUESTS 32 /* at once; sshd's own limit (MaxSessions) is 10 */

struct session_server {
	const struct config *cfg;
	const char *board;
	struct digest target;
	int listener;		 /* the caller's */
	struct carrier *carrier; /* taken */
};

/* Until it is stopped, idle for too long, or has nothing to go on with.  0, or what went
 * wrong with this machine. */
int session_serve(const struct session_server *s) _must_check_;

#endif
