/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeps what was sent (delta_keep()) while the board installs it. */
#ifndef KF_KEEPER_H
#define KF_KEEPER_H

#include "controller/deploy/delta.h"

struct keeper;

/* x is the keeper's until keeper_join(). */
struct keeper *keeper_start(const struct delta *x);
/* NULL is fine. */
void keeper_join(struct keeper *k);

#endif
