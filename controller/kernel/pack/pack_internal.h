/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of a pack from a tree.  Each adds its files to `contents`; digests are known
 * or not, packcache_digest() sees to the rest.
 */
#ifndef KF_PACK_INTERNAL_H
#define KF_PACK_INTERNAL_H

#include "controller/kernel/pack/packcache.h"
#include "controller/kernel/tree.h"
#include "proto/reason.h"

struct pack {
	const struct config *cfg;
	struct ui *ui;
	const char *board;
	struct tree *tree;
	struct packcache *cache;
	struct origin *origin; /* being asked for */
	struct buf options;    /* .config and what make read of it, as text */
	const char *root; /* of the module tree for depmod: the cache's, or temporary */
	char *stage;	  /* for what the tree's makefile installs */
	char *temp;	  /* set once the cache's disk is full; the kernel's scratch */
	char *temp_root;
	bool full; /* by the tree's own makefile, and nothing kept is used */
	struct contents contents;
	struct kernel *k;
	size_t n_modules, n_changed; /* of what was not left to the makefile */
	int build_fd;		     /* the lock that keeps builds out */
	int64_t began;
};

/* What a part returns, besides 0 and errors: it leaves the work to the makefile. */
#define PACK_BY_MAKEFILE 1

#define PACK_INSTALL_TIMEOUT_MS                                                          \
	1800000 /* thousands of modules, signed and compressed                           \
		 */

static inline int pack_no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

/* Is symbol =y or =m in what make goes by? */
bool pack_is_set(struct pack *p, const char *symbol);
/* From now on outside the cache; says so.  -ENOSPC if that was so already. */
int pack_leave_cache(struct pack *p, struct kf_error *err) _must_check_;
/* Empty the directory for what the makefile installs. */
int pack_empty_stage(struct pack *p, struct kf_error *err) _must_check_;

/* packmods.c: modules, incrementally; PACK_BY_MAKEFILE with *ret_why, the caller's. */
int packmods_add(struct pack *p, char **ret_why, struct kf_error *err) _must_check_;
/* packdepmod.c: depmod's files for the modules from contents.items[first] on.
 * `stripped`: they are in p->root already, else links are made. */
int packdepmod_add(struct pack *p, size_t first, bool stripped,
		   struct kf_error *err) _must_check_;
/* packfull.c: modules by the tree's makefile. */
int packfull_add(struct pack *p, struct kf_error *err) _must_check_;
/* packdtbs.c: device trees and overlays. */
int packdtbs_add(struct pack *p, struct kf_error *err) _must_check_;

/* packasked.c: what only the makefile, or a long look, can tell; remembered. */
int packasked_release(struct pack *p, char **ret, struct kf_error *err) _must_check_;
int packasked_image(struct pack *p, char **ret_path, struct kf_error *err) _must_check_;
struct image_info;
int packasked_read(struct pack *p, const char *name, const char *path,
		   struct image_info *ret, struct kf_error *err) _must_check_;

#endif
