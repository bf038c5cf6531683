/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The .config of a bisect.  Each commit gets the one that the tree had at the first step,
 * brought to that commit by `make olddefconfig`: if each got what the commit before left,
 * an option that some commits do not have would be lost on the way.
 */
#ifndef KF_BISECT_CONFBASE_H
#define KF_BISECT_CONFBASE_H

#include "controller/bisect/bisect.h"
#include "controller/kernel/tree.h"

/* For the objects of t.  b may have no state: then .config is only brought up to date. */
int confbase_apply(struct bisect *b, const struct tree *t,
		   struct kf_error *err) _must_check_;
/* Every .config is what it was. */
int confbase_restore(struct bisect *b, struct kf_error *err) _must_check_;
/* Those of the last bisect are of no use any more. */
void confbase_forget(struct bisect *b);

#endif
