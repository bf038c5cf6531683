/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One command in one exec channel of an SSH session, its stdin and stdout moved to and
 * from a stream socket without ever waiting.  Any number of flows share a session; all of
 * them and the session are one thread's.  Memory is bounded both ways: the channel's
 * window, and one block.
 *
 * The stream is read as soon as the channel is open: bytes follow the request for the
 * command on the line and do not wait for its answer, where the server's window lets them
 * (OpenSSH opens it with that answer).
 */
#ifndef KF_SSH_FLOW_H
#define KF_SSH_FLOW_H

#include <poll.h>
#include <stdbool.h>

#include "proto/base/buf.h"
#include "proto/base/clock.h"

struct ssh_session_struct; /* libssh's, of which a session is a pointer */
struct ssh_flow;

/* A channel, opened by the steps to come until the deadline; it may wait for its command
 * when it is open. */
int ssh_flow_new(struct ssh_session_struct *session, deadline_ms deadline,
		 struct ssh_flow **ret) _must_check_;
/* Its command and stream, once.  Takes fd, also when it fails.  deadline: for an answer.
 */
int ssh_flow_begin(struct ssh_flow *f, const char *command, int fd,
		   deadline_ms deadline) _must_check_;
/* Close the channel if it is open, and the stream. */
void ssh_flow_free(struct ssh_flow *f);

/* Move what goes without waiting, a bounded share of it.  true: there may be more. */
bool ssh_flow_step(struct ssh_flow *f);
/* What the stream is to be waited for, once a step moved nothing; the time, in ms, after
 * which to step again (-1: none). */
int ssh_flow_wants(const struct ssh_flow *f, struct pollfd *ret);
/* What that wait gave. */
void ssh_flow_woken(struct ssh_flow *f, short revents);

/* Our side is no longer interested.  A channel that is being opened is closed only when
 * it is open: until then the flow is not over. */
void ssh_flow_leave(struct ssh_flow *f);

/* Has the far side said that the command runs? */
bool ssh_flow_is_running(const struct ssh_flow *f);
/* Nothing more will come: status, stderr and error are final. */
bool ssh_flow_is_over(const struct ssh_flow *f);
/* Exit status (128 + for signals; -1: none came), stderr (the last 64 KiB), and what went
 * wrong with the connection ("": nothing). */
int ssh_flow_status(const struct ssh_flow *f);
struct buf *ssh_flow_stderr(struct ssh_flow *f);
const char *ssh_flow_error(const struct ssh_flow *f);

#endif
