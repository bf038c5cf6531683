/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is there room?  Asked before bytes are sent, so that a full board is not made fuller.
 */
#ifndef KF_DEPLOY_SPACE_H
#define KF_DEPLOY_SPACE_H

#include "agent/boot/boot.h"

/*
 * Room for these bytes on the file system of the state directory and on the boot
 * chain's (chain may be NULL), conf.reserve_bytes left over on each.  KF_REASON_SPACE:
 * the text names the file system, what is needed and free, and what takes the room or
 * could go.
 *
 * Where the boot file system is too full, and would not be without the slots that nobody
 * needs, they are parked (slot_park()) until it is not: the oldest first, those that were
 * confirmed after the others, and id, if it is one, at the end: a small one often has
 * room for one kernel only.
 */
int space_check(struct agent *a, const struct boot_chain *chain, const char *id,
		uint64_t state_bytes, uint64_t chain_bytes,
		struct kf_error *err) _must_check_;
/* Only the boot chain's. */
int space_check_boot(struct agent *a, const struct boot_chain *chain, const char *id,
		     uint64_t bytes, struct kf_error *err) _must_check_;
/* a + b, or all there is. */
uint64_t space_add(uint64_t a, uint64_t b);

#endif
