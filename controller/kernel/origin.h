/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a tree's sources come from, as git tells it. */
#ifndef KF_ORIGIN_H
#define KF_ORIGIN_H

#include "proto/manifest.h"

struct origin;

/* Begin to ask, on another thread: git looks at every file of the tree.  src stays. */
int origin_start(const char *src, struct origin **ret) _must_check_;
/* Wait for the answer.  Sets commit, branch and dirty of m (may be NULL: nobody wants
 * it); leaves them absent when src is no git work tree of its own, or git is not
 * installed. o is freed; NULL is fine. */
void origin_finish(struct origin *o, struct manifest *m);

#endif
