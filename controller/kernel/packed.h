/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A package file as a board can take it.
 *
 * kernel_write_tar() ends a zstd frame behind the manifest, so that the rest of the file
 * is a zstd tar of all files and nothing else: what is sent to a board that has none of
 * them.  It goes as it is; the board digests every file that comes of it.  Packages of
 * other makers, and those of earlier versions, have one frame: they are unpacked and
 * packed again.
 */
#ifndef KF_PACKED_H
#define KF_PACKED_H

#include "proto/base/buf.h"
#include "proto/base/err.h"

struct packed {
	int fd; /* of the package file, if end > 0; its offset is not used */
	uint64_t at, end;
};

/* The package at fd, a regular file, of which the manifest is known.  ret->end stays 0
 * where its rest cannot be sent as it is. */
void packed_find(int fd, const struct buf *manifest, struct packed *ret);
void packed_fini(struct packed *p);
/* All of it, to a sink as kernel_write_tar()'s; done (may be NULL) grows to `total` on
 * the way. */
int packed_write(const struct packed *p, uint64_t total,
		 int (*sink)(void *arg, const void *data, size_t n), void *arg,
		 uint64_t *done, struct kf_error *err) _must_check_;
/* Copy the whole package file to out. */
int packed_copy(const struct packed *p, int out) _must_check_;
/* Give it another name, where the file system allows it.  It stays its owner's, who may
 * change what is in it. */
int packed_link(const struct packed *p, int dir, const char *name) _must_check_;

#endif
