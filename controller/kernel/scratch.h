/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories for one run of kferry, below the cache; kernel_free() removes them. */
#ifndef KF_SCRATCH_H
#define KF_SCRATCH_H

#include "controller/config/config.h"

/* Make a new one; those of processes that are gone are removed. *ret is the caller's. */
int scratch_new(const struct config *cfg, char **ret, struct kf_error *err) _must_check_;

#endif
