/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What runs on this board now: filled from /proc and /sys, matched against the slots. */
#ifndef KF_RUNNING_H
#define KF_RUNNING_H

#include "agent/agent.h"

/* boot_id, release, banner, command line, build-id, start; a->root is set. */
int running_read(struct agent *a, struct kf_error *err) _must_check_;
/* a->boot.slot, from the command line's mark and the slots in a->state. */
void running_find_slot(struct agent *a);
void running_fini(struct agent *a);

#endif
