/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of a package in the making: collected in any order, then sealed into a
 * struct kernel.  Sealing reads every file whose digest is not known yet, once, on
 * several threads.
 */
#ifndef KF_CONTENTS_H
#define KF_CONTENTS_H

#include "controller/kernel/kernel.h"

struct contents_item {
	char *path;   /* in the package */
	char *source; /* on this machine */
	bool known;   /* size and digest are set */
	uint64_t size;
	struct digest digest;
};

struct contents {
	struct contents_item *items;
	size_t n, cap;
};

void contents_fini(struct contents *c);
#define _contents_ _cleanup_(contents_fini)

int contents_add(struct contents *c, const char *path, const char *source,
		 struct kf_error *err) _must_check_;
/* Every regular file below dir, as prefix/<its path>.  Links are left out: those of a
 * module tree lead to the builder's own directories.  ret_n (may be NULL): how many. */
int contents_add_tree(struct contents *c, const char *dir, const char *prefix,
		      size_t *ret_n, struct kf_error *err) _must_check_;
/* Drop those behind the first n. */
void contents_cut(struct contents *c, size_t n);
/* By path. */
void contents_sort(struct contents *c);
/* Digest all that are not known, put them into k's manifest (whose head is set already)
 * and identify it. */
int contents_seal(struct contents *c, struct kernel *k,
		  struct kf_error *err) _must_check_;

/* From k->manifest_bytes: digest and slot; from its files: boot_bytes. */
void kernel_identify(struct kernel *k);
int kernel_new(struct kernel **ret, struct kf_error *err) _must_check_;

#endif
