/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a tree's sources come from, as git tells it. */
#ifndef KF_ORIGIN_H
#define KF_ORIGIN_H

#include "proto/manifest.h"

/* Sets commit, branch and dirty of m; leaves them absent when src is no git work tree of
 * its own, or git is not installed. */
int origin_fill(const char *src, struct manifest *m) _must_check_;

#endif
