/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kexec as a fast path beside a slot's own boot chain (boot_kexec in boot.h is the chain
 * of boards that have no other).
 */
#ifndef KF_BOOT_KEXEC_H
#define KF_BOOT_KEXEC_H

#include "agent/agent.h"

/* In this boot, was this slot the last to be loaded, or about to be? */
bool kexec_has_slot(const struct agent *a, const char *slot);
/* Is the trial that is armed loaded, so that a reboot by kexec starts it?  Takes
 * state_lock. */
int kexec_check_ready(struct agent *a, struct kf_error *err) _must_check_;
/* Unload what this agent loaded, and forget it; failures are logged. */
void kexec_drop(const struct agent *a);

#endif
