/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small kernel tree with real modules (ELF, made with cc) and a makefile that installs
 * as the kernel's does, and tells what it was asked.  tests/integration/test_pack.py has
 * the lab's kernel.
 *
 * Packed in one cache that is kept, and in another where it is packed anew each time.
 */
#ifndef KF_TEST_PACKTREE_H
#define KF_TEST_PACKTREE_H

#include <stddef.h>

#include "controller/kernel/kernel.h"

#define REL	 "6.9.0-test"
#define VARIANTS 4 /* of a module, all of one size */
#define MAX_MODS 32

struct packtree {
	char dir[64];
	char *src;
	char *keep, *other; /* cache directories: kept over packs, and for full ones */
	char *mods[MAX_MODS];
	size_t n_mods;
	struct ui *ui;
	unsigned seed;
};

/* For cmocka; six modules, which nothing has packed yet. */
int packtree_setup(void **state);
int packtree_teardown(void **state);

/* --- editing it; paths are below it, but for packtree_bytes() -------------------------
 */

char *packtree_path(const struct packtree *p, const char *rel);
/* In place: the inode tells nothing. */
void packtree_bytes(const char *path, const void *data, size_t n);
void packtree_write(const struct packtree *p, const char *rel, const char *text);
void packtree_put(const struct packtree *p, int variant, const char *rel);
void packtree_add(struct packtree *p, const char *name, int variant);
/* modules.order of what is in mods, in a random order. */
void packtree_order(struct packtree *p, const char *prefix, const char *end);
/* Module 0's time is in the future. */
void packtree_future(struct packtree *p);
/* Another strip, to look at. */
void packtree_strip(const struct packtree *p, const char *more);

/* --- packing it -----------------------------------------------------------------------
 */

struct packtree_way {
	const char *cache, *incremental, *strip, *dtbs;
};

int packtree_try(struct packtree *p, const struct packtree_way *w, struct kernel **ret,
		 struct kf_error *err);
/* It must succeed. */
struct kernel *packtree_pack(struct packtree *p, const struct packtree_way *w);
/* In the cache that is kept. */
void packtree_once(struct packtree *p);
/* Until it runs nothing: what is only just written is not believed. */
void packtree_settle(struct packtree *p);
void packtree_equal(struct kernel *a, struct kernel *b);
/* Pack what changed, and all; both are the same, and nothing else is left in the cache.
 */
void packtree_compare_ways(struct packtree *p, const char *strip, const char *dtbs);
void packtree_compare(struct packtree *p);

/* How many modules were stripped, and how often make ran, since this was asked. */
size_t packtree_strips(const struct packtree *p);
size_t packtree_made(const struct packtree *p);
/* The tree's directory in a cache; the caller's. */
char *packtree_cache(const char *cache);

#endif
