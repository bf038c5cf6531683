/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `kferryd early`: before udev starts, show the modules of the slot that runs (or, when
 * the agent starts again in the same boot, of the slot in its place), and start the
 * hardware watchdog when this boot is a trial.  Changes nothing durable but the link
 * in /lib/modules, leaves /run/kferry/early when the modules are shown, waits for
 * nothing, and never fails the boot: it returns an exit status that is always 0, and says
 * in /dev/kmsg what it did.
 */
#ifndef KF_EARLY_H
#define KF_EARLY_H

#include <stdbool.h>

#include "proto/base/cleanup.h"
#include "proto/base/err.h"

/* root as for agent_init().  keep: a process stays behind that pets the watchdog of a
 * trial until the agent takes it over (watchkeeper.h). */
int early_run(const char *root, bool keep) _must_check_;
/* Only the modules, of the slot that the state names; for the running agent, which may
 * not mount. */
int early_show_modules(const char *root, struct kf_error *err) _must_check_;

#endif
