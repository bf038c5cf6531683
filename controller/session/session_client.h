/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session as commands see it.  A command that has a session's stream has its bytes as
 * they are; whatever is wrong with a session (there is none, it is of another target, it
 * does not answer in a moment) is an error here and a reason to connect directly above.
 */
#ifndef KF_SESSION_CLIENT_H
#define KF_SESSION_CLIENT_H

#include <sys/socket.h>

#include "controller/session/session_wire.h"
#include "proto/base/clock.h"
#include "proto/base/err.h"

struct session_stream;

/* May there be one at all?  Cheap.  -ENOENT: there is no place for any; -EPERM and such:
 * that place is not used. */
int session_any(struct kf_error *err) _must_check_;

/* Run command on the target's session; *ret_fd is its stream, non-blocking and the
 * caller's.  -ENOENT: it has none.  -ECANCELED.  Waits for a few seconds at most. */
int session_stream_open(const struct digest *target, const char *command,
			deadline_ms deadline, struct session_stream **ret, int *ret_fd,
			struct kf_error *err) _must_check_;
const struct session_opened *session_stream_to(const struct session_stream *s);
pid_t session_stream_pid(const struct session_stream *s);
/* After the stream ended: how.  The words in *ret are the stream's.  -ECONNRESET: the
 * session's process did not say, -ETIMEDOUT. */
int session_stream_ended(struct session_stream *s, int ms,
			 struct session_ended *ret) _must_check_;
void session_stream_close(struct session_stream *s);

/* Each session there is, by the name of its socket; fn returns 0 to go on. */
int session_each(int (*fn)(void *arg, int dir, const char *name), void *arg,
		 struct kf_error *err) _must_check_;
/* Its status, JSON, checked for nothing but its length. *ret_pid is known also when it
 * does not answer (-ETIMEDOUT), else 0. */
int session_look(int dir, const char *name, struct buf *ret, pid_t *ret_pid) _must_check_;
/* Stop it and wait until its socket is gone; one that does not answer is killed. */
int session_stop(int dir, const char *name) _must_check_;

#endif
