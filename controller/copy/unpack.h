/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tar that comes from a board, on this disk.  It is believed nothing: of each entry the
 * path must lie in the one file or tree that was asked for, and what is no file,
 * directory or link within it is refused, as are sizes and numbers past limits.h.  A file
 * gets its name when it is whole.  Blocking; a thread of its own.
 */
#ifndef KF_COPY_UNPACK_H
#define KF_COPY_UNPACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/base/err.h"

struct unpack {
	int in;		  /* the tar is read from here */
	int dir;	  /* below which it is written */
	const char *name; /* what was asked for: the first part of each path */
	const char *as;	  /* and what takes its place */
	_Atomic uint64_t files, bytes;
};

/* KF_REASON_PACKAGE: refused, naming the entry. */
int unpack_tree(struct unpack *u, struct kf_error *err) _must_check_;
/* Does a link at path, whose top is the first part, lead nowhere but below that top? */
bool unpack_link_ok(const char *path, const char *target);

#endif
