/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long this boot took until the agent ran, from what the board itself keeps: the
 * kernel's log for its first program, the boot loader's EFI variables (systemd's Boot
 * Loader Interface) for what was before the kernel.
 */
#ifndef KF_BOOTTIMES_H
#define KF_BOOTTIMES_H

#include "agent/agent.h"

/* Fill a->times; what cannot be known stays 0.  Once, when the daemon starts: the log's
 * first records may be overwritten later.  Blocking, some milliseconds. */
void boottimes_find(struct agent *a);

#endif
