/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `kferryd early`: before udev starts, show the modules of the slot that runs, and start
 * the hardware watchdog when this boot is a trial.  Changes nothing durable but the link
 * in /lib/modules, leaves /run/kferry/early when the modules are shown, waits for
 * nothing, and never fails the boot: it returns an exit status that is always 0, and says
 * in /dev/kmsg what it did.
 */
#ifndef KF_EARLY_H
#define KF_EARLY_H

#include "proto/base/cleanup.h"

/* root as for agent_init(). */
int early_run(const char *root) _must_check_;

#endif
