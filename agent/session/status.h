/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What runs, what is the default, how the trial stands: as messages and as text. */
#ifndef KF_STATUS_H
#define KF_STATUS_H

#include "agent/agent.h"

/* Blocking (a boot chain is probed).  *ret is on the heap, see msg.h. */
int status_build(struct agent *a, Kferry__Status **ret) _must_check_;
int status_slots(struct agent *a, Kferry__Slots **ret) _must_check_;

/*
 * `kferryd status`: ask the daemon at socket_path, or, when there is none, read the
 * agent's own records (root and socket as given on the command line).  Prints to stdout.
 */
int status_print(const char *root, const char *socket_path,
		 struct kf_error *err) _must_check_;

#endif
