/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's binary for a board, by what `uname -m` says there.
 *
 * It is static, so that only the kernel matters: on a board with a 64-bit kernel and
 * 32-bit programs, as Raspberry Pi OS can be, the 64-bit agent is the right one.
 */
#ifndef KF_AGENTFILE_H
#define KF_AGENTFILE_H

#include <stdbool.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"

/*
 * Where the agent for that machine is: in the directory that KF_AGENT_DIR names, else
 * beside the program in the source tree, else where `make install` put it.  0 and *ret
 * (free it); -ENOTSUP for a machine that no agent can be built for, -ENOENT where it was
 * not built, both with what to do.
 */
int agentfile_find(const char *machine, char **ret, struct kf_error *err) _must_check_;

/* Is this an ELF program for that machine?  Unknown machines are believed. */
bool agentfile_fits(const struct buf *b, const char *machine) _must_check_;

#endif
