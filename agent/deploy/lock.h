/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One deploy at a time: a lock on the file `lock` in the state directory, which also
 * holds the name of who has it.  The lock belongs to the open file description, so it is
 * gone when its holder is, however that ended; no child inherits it.
 */
#ifndef KF_DEPLOY_LOCK_H
#define KF_DEPLOY_LOCK_H

#include "agent/agent.h"

/* *ret_fd: closing it releases the board.  -EBUSY with KF_REASON_BUSY. */
int lock_take(const struct agent *a, const char *holder, int *ret_fd,
	      struct kf_error *err) _must_check_;
/* "" when nobody has it; asking never gets in the way of who wants it. */
void lock_holder(const struct agent *a, char *dst, size_t size);

#endif
