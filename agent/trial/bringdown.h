/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stopping a whole system by hand, where the init system cannot end in a kexec.  Never in
 * a scratch root. */
#ifndef KF_BRINGDOWN_H
#define KF_BRINGDOWN_H

#include "agent/agent.h"

/* SIGTERM to every other process but init, and SIGKILL a moment later. */
void bringdown_processes(void);
/* Every file system on a disk read-only, within a few seconds; what cannot be is left as
 * it is.  Sync before. */
void bringdown_disks(const struct agent *a);
/* Is a file system on a disk writable?  Only looks, also in a scratch root. */
bool bringdown_is_open(const struct agent *a);

#endif
