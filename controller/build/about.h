/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kernel a tree's objects are, and how large it is: without building anything. */
#ifndef KF_BUILD_ABOUT_H
#define KF_BUILD_ABOUT_H

#include "controller/kernel/tree.h"

struct about {
	char *name;    /* that its makefile gives this version, "" */
	char *release; /* of make kernelrelease */
	char *image;   /* NULL: not built yet */
	uint64_t image_bytes;
	bool has_modules; /* they were built; else the next two are 0 */
	size_t modules;
	uint64_t module_bytes;
	size_t configured; /* options of the .config that are =m */
};

void about_fini(struct about *a);
#define _about_ _cleanup_(about_fini)

int about_tree(const struct tree *t, const struct config *cfg, const char *board,
	       struct about *ret, struct kf_error *err) _must_check_;

#endif
