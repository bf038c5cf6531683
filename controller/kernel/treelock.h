/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks in a tree's directory of the cache: one kferry at a time makes something in a
 * tree, and one uses what is packed from it.  Who waits for another is told so, and may
 * be cancelled.
 */
#ifndef KF_TREELOCK_H
#define KF_TREELOCK_H

#include "controller/kernel/tree.h"
#include "controller/ui/ui.h"

struct treelock_wait {
	const char *stage; /* the step that waits: "build" */
	const char *text;  /* for its progress line */
	int64_t ms;
};

/*
 * *ret_fd is the lock, for the caller to close; no child inherits it.  The errors: what
 * open(2) says, -ECANCELED, and -ETIMEDOUT, whose text is for the caller to make: only he
 * knows what else can be done.
 */
int treelock_take(const struct tree *t, const char *name, struct ui *ui,
		  const struct treelock_wait *wait, int *ret_fd,
		  struct kf_error *err) _must_check_;
/* For who builds in the tree, or packs what was built: two at once spoil each other's
 * objects, and the log.  limit: timeout.build, which the other one has, too. */
int treelock_build(const struct tree *t, struct ui *ui, const char *stage, int64_t limit,
		   int *ret_fd, struct kf_error *err) _must_check_;

#endif
