/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the kernel said something in this boot. */
#ifndef KF_KERNSAID_H
#define KF_KERNSAID_H

#include <stdbool.h>

#include "agent/agent.h"

/* Is text in a record of this boot's log: in /dev/kmsg, or, as that is a ring, in what
 * the agent kept of it (boots.h)?  false also when nobody can tell.  Reads files: for
 * jobs. */
bool kernsaid(const struct agent *a, const char *text);

#endif
