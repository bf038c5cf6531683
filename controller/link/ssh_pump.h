/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One command in one exec channel of a session, its stdin and stdout pumped to and from
 * a socket (a flow, see ssh_flow.h), on a thread that has the session for as long.
 */
#ifndef KF_SSH_PUMP_H
#define KF_SSH_PUMP_H

#include <libssh/libssh.h>
#include <stdbool.h>

#include "proto/base/buf.h"
#include "proto/base/clock.h"

struct ssh_pump;

/* Start command; *ret_fd is the non-blocking stream to it, the caller's to close before
 * ssh_pump_end().  shutdown(SHUT_WR) on it ends the command's stdin.  The session is the
 * pump's until ssh_pump_end(). */
int ssh_pump_start(ssh_session session, const char *command, deadline_ms deadline,
		   struct ssh_pump **ret, int *ret_fd) _must_check_;
/* Wait until the command's stream has ended by itself, at most ms; false: it has not. */
bool ssh_pump_wait(struct ssh_pump *p, int ms);
/* After ssh_pump_wait() was true: exit status (128 + for signals unknown to us; -1: none
 * came), stderr (the last 64 KiB), and what went wrong with the connection ("": nothing).
 */
int ssh_pump_status(const struct ssh_pump *p);
struct buf *ssh_pump_stderr(struct ssh_pump *p);
const char *ssh_pump_error(const struct ssh_pump *p);
/* Stop if it still runs, and free. */
void ssh_pump_end(struct ssh_pump *p);

#endif
