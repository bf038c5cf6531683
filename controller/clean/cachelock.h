/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who uses the cache: commands that do share a lock on it, and what removes things from
 * it has it alone.  The lock ends with the process.
 */
#ifndef KF_CACHELOCK_H
#define KF_CACHELOCK_H

#include "controller/config/config.h"

#define CACHELOCK_FILE ".in-use"

/* A descriptor that holds it, -1 where there can be none (a cache that cannot be
 * written): then the command finds out for itself.  Waits for a clean that is under way.
 */
int cachelock_share(const struct config *cfg);
/* A descriptor that holds it alone.  KF_REASON_BUSY: somebody uses the cache. */
int cachelock_take(const struct config *cfg, struct kf_error *err) _must_check_;

#endif
