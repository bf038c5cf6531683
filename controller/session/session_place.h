/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the sockets of sessions are: $XDG_RUNTIME_DIR/kferry, else /tmp/kferry-UID.  The
 * directory is the user's with nobody else's rights in it, or it is refused; a socket is
 * named after its target, and who is at its other end has the same user id, or is not
 * talked to.  The directory is handed on as a descriptor: what was checked is what is
 * used, and the length of its path is no matter.
 */
#ifndef KF_SESSION_PLACE_H
#define KF_SESSION_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

#include "proto/base/clock.h"
#include "proto/base/err.h"
#include "proto/digest.h"

#define SESSION_NAME_SIZE 24 /* "s-" and 16 hex digits, and the NUL */

/* The directory; create: made when it is not there, else that is -ENOENT.  -EPERM: it is
 * not safe. */
int session_place_open(bool create, struct kf_error *err) _must_check_;
void session_place_name(const struct digest *target, char dst[static SESSION_NAME_SIZE]);
bool session_place_is_name(const char *name);

/* A socket that listens; non-blocking.  One that nobody listens on any more is replaced;
 * -EADDRINUSE: somebody does. */
int session_place_listen(int dir, const char *name) _must_check_;
/* Remove the socket, if it is this process that listens on it. */
void session_place_remove(int dir, const char *name);
/* Connect; non-blocking.  -ENOENT, -ECONNREFUSED: there is no session. -EPERM: somebody
 * else's.  *ret_pid (may be NULL): who listens. */
int session_place_connect(int dir, const char *name, pid_t *ret_pid) _must_check_;
/* Is the other end of a socket this user's? */
bool session_place_is_ours(int fd, pid_t *ret_pid);

#endif
