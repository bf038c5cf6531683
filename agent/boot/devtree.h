/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the board's device tree says it is compatible with; nothing, where there is none
 * or it cannot be read. */
#ifndef KF_DEVTREE_H
#define KF_DEVTREE_H

#include "agent/agent.h"

/* One of the board's strings is this one, "raspberrypi,400". */
bool devtree_compatible(const struct agent *a, const char *name);
/* One of them begins so: "raspberrypi,". */
bool devtree_vendor(const struct agent *a, const char *head);

#endif
