/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does each commit of a series build?  Each is checked out, with no branch, and built;
 * whatever happens, the tree is afterwards on the branch that it was on, and has the
 * .config that it had.
 */
#ifndef KF_BUILD_RANGE_H
#define KF_BUILD_RANGE_H

#include "controller/config/config.h"
#include "controller/ui/ui.h"

#define RANGE_MAX 10000 /* commits */

/* Of the commits behind `from` up to HEAD, the oldest first.  The first that does not
 * build ends it: KF_REASON_BUILD names it. */
int range_build(const struct config *cfg, struct ui *ui, const char *board,
		const char *from, const char *const targets[],
		struct kf_error *err) _must_check_;

#endif
