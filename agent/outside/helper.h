/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `kferryd outside`: the helper that runs one program outside of the agent's sandbox, as
 * request.h says.  One process for each connection, started by systemd
 * (kferry-outside@.service); it serves root only.
 */
#ifndef KF_OUTSIDE_HELPER_H
#define KF_OUTSIDE_HELPER_H

#include "proto/base/cleanup.h"

/*
 * Serve the connection fd to its end.  Changes this process's signals, mounts and
 * directory.  0: a reply was sent; -EPERM: the other end is another user, -ETIMEDOUT: its
 * request did not come, -ECONNRESET: it went away before, -EBADMSG.
 */
int outside_helper_run(int fd) _must_check_;

#endif
