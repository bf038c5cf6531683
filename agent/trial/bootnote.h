/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the agent says before it serves: a line "kferryd: ..." in the kernel's log, where
 * a boot that dies before the journal starts is looked at; and in its own log. */
#ifndef KF_BOOTNOTE_H
#define KF_BOOTNOTE_H

#include "proto/base/cleanup.h"

/* root as for agent_init().  Never waits; failures are logged. */
_printf_(2, 3) void bootnote(const char *root, const char *fmt, ...);

#endif
