/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file or a tree of this disk as a tar.  Blocking; a thread of its own. */
#ifndef KF_PACK_TREE_H
#define KF_PACK_TREE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/base/err.h"

struct pack_tree {
	int out;	  /* written to */
	const char *path; /* a real path */
	/* May be NULL: files to leave out, by their paths below it; it itself is ".". */
	bool (*skip)(void *arg, const char *path);
	void *arg;
	_Atomic uint64_t files, bytes; /* those that are in it */
};

/* Its entries begin with the path's last part.  Devices and sockets are refused;
 * KF_REASON_IO. */
int pack_tree(struct pack_tree *p, struct kf_error *err) _must_check_;

#endif
