/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A mount namespace of this thread's own with a few mounts in it, for what it starts. */
#ifndef KF_OUTSIDE_MOUNTS_H
#define KF_OUTSIDE_MOUNTS_H

#include "agent/outside/request.h"

/* 0, or a negative errno and *ret_at, the index of the mount that failed (0 when it was
 * the namespace).  Changes only the calling thread, and that for good. */
int outside_mounts_enter(const struct outside_mount *mounts, size_t n,
			 size_t *ret_at) _must_check_;

#endif
