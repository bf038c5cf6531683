/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the board is: everything that `kferry board info` shows. */
#ifndef KF_FACTS_H
#define KF_FACTS_H

#include "agent/agent.h"

/* Blocking (boot chains are probed).  *ret is on the heap, see msg.h.  What cannot be
 * found out is left out. */
int facts_build(const struct agent *a, Kferry__Facts **ret) _must_check_;

#endif
