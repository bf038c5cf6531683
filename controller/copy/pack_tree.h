/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file or a tree of this disk as a tar.  Blocking; a thread of its own. */
#ifndef KF_PACK_TREE_H
#define KF_PACK_TREE_H

#include <stdatomic.h>
#include <stdint.h>

#include "proto/base/err.h"

struct pack_tree {
	int out;	  /* written to */
	const char *path; /* a real path */
	_Atomic uint64_t files, bytes;
};

/* Its entries begin with the path's last part.  Devices and sockets are refused;
 * KF_REASON_IO. */
int pack_tree(struct pack_tree *p, struct kf_error *err) _must_check_;

#endif
