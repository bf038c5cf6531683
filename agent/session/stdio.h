/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `kferryd stdio`: the bridge between an SSH channel (stdin, stdout) and the agent's
 * socket.  It says who is there (Identity) and from then on only copies.
 */
#ifndef KF_STDIO_H
#define KF_STDIO_H

#include "proto/base/err.h"

/* as: the name given, NULL: the login's.  Blocking, until both directions have ended. */
int stdio_run(const char *socket_path, const char *as, struct kf_error *err) _must_check_;
/* The copying alone.  in, out and sock stay open; 0 when every byte that came in time was
 * passed on. */
int stdio_bridge(int in, int out, int sock, const char *as,
		 struct kf_error *err) _must_check_;

#endif
