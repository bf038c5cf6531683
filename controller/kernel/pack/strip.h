/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stripping modules as a tree's `make modules_install` does: with the strip of the
 * target's binutils or LLVM, many at once.
 */
#ifndef KF_STRIP_H
#define KF_STRIP_H

#include "controller/kernel/pack/packindex.h"
#include "controller/kernel/tree.h"
#include "controller/ui/ui.h"

struct strip {
	char *program;
	char **options; /* NULL-terminated; one block for free() */
};

void strip_fini(struct strip *s);

/*
 * Which program the tree's makefile runs, with which options: "1" is --strip-debug, any
 * other value the options themselves.  Both the caller's.  -ENOENT with *ret_why (static
 * text): the makefile has to be asked.
 */
int strip_find(const struct tree *t, const char *value, struct strip *ret,
	       const char **ret_why) _must_check_;
/* The value that INSTALL_MOD_STRIP has for the tree's makefile when kferry gives it none:
 * build.extra, else the environment; NULL: not set. */
const char *strip_wanted(const struct tree *t);

struct strip_item {
	char *from, *to;	/* the item's own */
	struct stamp source;	/* of from, as it was stripped */
	struct stamp made;	/* of to */
	struct digest digest;	/* of to */
	bool digest_source;	/* in: also wanted is */
	struct digest original; /* ... that of from */
	struct kf_error err;
};

void strip_items_free(struct strip_item *v, size_t n);

/*
 * Copies are made in dir, which is ours, and is removed; stripped there, and renamed to
 * `to`.  `of` modules there are, for what is shown.  -ENOSPC: the disk is full.  -ESTALE
 * (KF_REASON_DIGEST): a module changed meanwhile.  -EIO (KF_REASON_EXEC): the program did
 * not take one; err has what it said.
 */
int strip_run(const struct strip *s, struct ui *ui, const char *dir, struct strip_item *v,
	      size_t n, size_t of, struct kf_error *err) _must_check_;

#endif
