/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kferry dmesg --cmd: the log while a command runs on the board. */
#ifndef KF_DMESG_CMD_H
#define KF_DMESG_CMD_H

#include "controller/cmd/cmd.h"
#include "controller/cmd/dmesg_out.h"

/*
 * From the command's start to its end, as it comes, on a connection of its own: also what
 * the kernel says before the board dies of it.  The command's output goes to standard
 * error.  *ret_status: its exit status.
 */
int dmesg_cmd(struct cmd_env *env, const char *board, const char *command,
	      struct dmesg_out *out, int *ret_status, struct kf_error *err) _must_check_;

#endif
