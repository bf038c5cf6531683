/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A patch of a file or of bytes in memory, if one is worth sending.  Blocking; a few MiB
 * of memory. */
#ifndef KF_PATCH_OUT_H
#define KF_PATCH_OUT_H

#include "proto/patch.h"

struct patch_side {
	int fd; /* read by pread(2); -1: mem */
	const void *mem;
	uint64_t size;
	struct digest digest; /* that it has, or had */
};

/*
 * Append the patch from base (NULL: from nothing) to file to out.  1: done.  0: it is not
 * worth sending: no smaller than what zstd makes of the whole file, or of LIMIT_PATCH
 * bytes and more.  -ESTALE: file is not what its digest says; or another errno.  What is
 * in out after anything but 1 means nothing.
 */
int patch_out(const struct patch_side *base, const struct patch_side *file,
	      struct buf *out) _must_check_;

#endif
