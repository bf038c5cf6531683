/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes from a source, unpacked if they are zstd and as they are otherwise.
 *
 * Unlike libarchive's own filter it bounds the memory that unpacking takes
 * (LIMIT_ZSTD_WINDOW) and knows at the end whether the last frame was whole.
 * Blocking.  One thread.
 */
#ifndef KF_ZREAD_H
#define KF_ZREAD_H

#include <sys/types.h>

#include "proto/base/cleanup.h"

/* Put up to n bytes at data and return how many; 0 at the end; negative errno. */
typedef ssize_t (*zread_pull_fn)(void *arg, void *data, size_t n);

struct zread;

int zread_new(zread_pull_fn pull, void *arg, struct zread **ret) _must_check_;
void zread_free(struct zread *z);
/*
 * Fill data with n bytes; fewer only at the end.  -EBADMSG: not valid zstd, or it ends in
 * the middle of a frame.  -EFBIG: it would take too much memory.  Else what pull
 * returned. Once it failed it goes on failing.
 */
ssize_t zread_read(struct zread *z, void *data, size_t n) _must_check_;

#endif
