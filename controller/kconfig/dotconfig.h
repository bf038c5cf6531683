/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The .config of a tree: read, replaced without losing the one before, and worked on by
 * the tree's own programs.  These get a copy in the tree's directory of the cache, so
 * that whatever fails leaves the .config as it was.
 */
#ifndef KF_DOTCONFIG_H
#define KF_DOTCONFIG_H

#include "controller/kconfig/kconf.h"
#include "controller/kernel/tree.h"
#include "controller/ui/ui.h"

/* Into text and parsed; -ENOENT says how to make one. */
int dotconfig_read(const struct tree *t, struct buf *text, struct kconf *ret,
		   struct kf_error *err) _must_check_;
/*
 * text becomes the .config.  One that is there is asked about on the terminal, unless
 * force (KF_REASON_EXISTS without a terminal, KF_REASON_CANCELLED on a no); and is kept
 * as .config.old-kferry-TIME, which is told.  0: written, 1: it was just so.
 */
int dotconfig_put(const struct tree *t, struct ui *ui, const struct buf *text, bool force,
		  struct kf_error *err) _must_check_;
/* Make t's architecture that of k, where the configuration leaves it open; else they have
 * to be the same. */
int dotconfig_arch(struct tree *t, const struct config *cfg, const char *board,
		   const struct kconf *k, struct kf_error *err) _must_check_;

/* text, as `make TARGET` (olddefconfig, defconfig) leaves it. */
int dotconfig_make(const struct tree *t, const struct config *cfg, const char *board,
		   const char *target, struct buf *text,
		   struct kf_error *err) _must_check_;
/* text without the modules that are not among these, one name a line: what `make
 * localmodconfig` does, which works on the .config itself, and asks. */
int dotconfig_localmod(const struct tree *t, const struct config *cfg, const char *board,
		       const struct buf *modules, struct buf *text,
		       struct kf_error *err) _must_check_;

#endif
