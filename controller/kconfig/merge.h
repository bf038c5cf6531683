/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a board needs (kernel.require) into a configuration: set, brought in order by the
 * tree's olddefconfig, and looked at again, because what is set does not always take.
 */
#ifndef KF_MERGE_H
#define KF_MERGE_H

#include "controller/kconfig/kconf.h"
#include "controller/kernel/tree.h"

/* A line of kernel.require that does not hold in the end. */
struct merge_miss {
	char *want;    /* its first word, "CONFIG_X=y|CONFIG_Z=y" */
	char *why;     /* "CONFIG_X is not set" */
	char *purpose; /* "" where the line does not say */
	char *cause;   /* what its Kconfig lacks, of the first option; NULL: not known */
};

struct merge_result {
	struct merge_miss *miss;
	size_t n_miss;
	size_t wanted; /* lines */
	size_t held;   /* of them before anything was done */
};

/* text is changed only where it has to be.  Lines that do not hold are no error. */
int merge_require(const struct tree *t, const struct config *cfg, const char *board,
		  struct buf *text, struct merge_result *ret,
		  struct kf_error *err) _must_check_;
void merge_fini(struct merge_result *m);

/* The value that a word of kernel.require asks for in its turn'th try: "CONFIG_X=y|Z" has
 * X=y, then Z=y; "=m" is tried as m and then as y.  0, -ENOENT: no more; symbol has room
 * for 132 bytes, value for 64.  For tests. */
int merge_try(const char *word, unsigned turn, char symbol[132],
	      char value[64]) _must_check_;

#endif
