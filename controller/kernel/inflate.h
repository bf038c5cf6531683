/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stream of bytes, decompressed if it is compressed (gzip, bzip2, xz, lzma, zstd, lz4).
 * A stage of a chain: it pulls from one, and inflate_read() is what the next pulls from.
 */
#ifndef KF_INFLATE_H
#define KF_INFLATE_H

#include "proto/package.h"

struct inflate;

int inflate_new(package_pull_fn pull, void *arg, struct inflate **ret) _must_check_;
void inflate_free(struct inflate *i);
/* A package_pull_fn whose arg is the struct inflate.  Negative: inflate_why() tells. */
ssize_t inflate_read(void *inflate, void *data, size_t n);
/* What was wrong with the bytes, for a person. */
const char *inflate_why(const struct inflate *i);

#endif
