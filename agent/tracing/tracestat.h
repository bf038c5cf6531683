/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel counts while it traces. */
#ifndef KF_TRACESTAT_H
#define KF_TRACESTAT_H

#include <stdint.h>

#include "proto/base/cleanup.h"

/* Events that were lost on all processors since the buffer was made or emptied.
 * -ENOENT: it is not told. */
int tracestat_lost(int dir, uint64_t *ret) _must_check_;

#endif
