/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * May this board be handed from one kernel to the next without a reset?  The running
 * kernel must be able and allowed to, and no device may be left as a new kernel does not
 * expect it: GPUs, the Steam Deck, the Raspberry Pi.
 */
#ifndef KF_KEXEC_BOARD_H
#define KF_KEXEC_BOARD_H

#include "agent/agent.h"

/* 0, or -ENOTSUP/-EPERM (KF_REASON_BOOT_CHAIN) and why not. */
int kexec_board_check(const struct agent *a, struct kf_error *err) _must_check_;

#endif
