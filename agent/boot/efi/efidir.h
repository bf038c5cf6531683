/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The directory of EFI variables of this board. */
#ifndef KF_EFIDIR_H
#define KF_EFIDIR_H

#include "agent/agent.h"

/* A descriptor of it, when variables can be written; else -ENOTSUP or -EROFS and err says
 * why and what to do. */
int efidir_open(const struct agent *a, int *ret, struct kf_error *err) _must_check_;
/* The same for reading only: a descriptor, or negative where there are none. */
int efidir_open_any(const struct agent *a) _must_check_;

#endif
