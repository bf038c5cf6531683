/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A patch set onto a new branch of the tree that one stands in: by b4, where it is
 * installed (it adds what reviewers said), and git am.
 *
 * The tree has to be clean and git in the middle of nothing.  What does not apply is
 * taken back: branch and files are then as they were.
 */
#ifndef KF_APPLY_H
#define KF_APPLY_H

#include "controller/config/config.h"
#include "controller/mail/patchset.h"
#include "controller/ui/ui.h"

struct applied {
	char *src;	  /* the tree */
	char *branch;	  /* the new one, which is checked out */
	char *before;	  /* what was: a branch's name, or a commit */
	char *base, *tip; /* commits */
	bool was_branch;
	unsigned commits;
	bool by_b4;
};

void applied_fini(struct applied *a);
#define _applied_ _cleanup_(applied_fini)

/* The tree of git around the working directory, if it may be changed now.  The caller's.
 */
int apply_tree(char **ret_src, struct kf_error *err) _must_check_;
/* branch NULL: made of the title. */
int apply_run(const struct config *cfg, const char *src, const struct patchset *p,
	      const char *branch, struct applied *ret, struct kf_error *err) _must_check_;
/* Back to what was checked out before; remove: the branch goes, if nobody committed to
 * it meanwhile.  An error says where the tree is then. */
int apply_leave(const struct applied *a, bool remove, struct kf_error *err) _must_check_;

/* "patches/gpio-sim-fix-it-v3"; the caller's, NULL: no memory. */
char *apply_branch(const struct posting *p);

#endif
