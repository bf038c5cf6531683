/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Something compressed in an image, unpacked: in a temporary file without a name, of
 * which only what is looked at is in memory.
 */
#ifndef KF_PAYLOAD_H
#define KF_PAYLOAD_H

#include <stddef.h>
#include <stdio.h>

#include "proto/base/cleanup.h"

struct payload {
	FILE *file;
	size_t n;
	const void *map; /* n bytes, read-only */
};

/* gzip, bzip2, xz, lzma, zstd or lz4, whatever follows its end.  -EBADMSG: none of these,
 * or damaged before a byte came of it; -EMSGSIZE: too much. */
int payload_unpack(const void *data, size_t size, struct payload *out) _must_check_;
void payload_fini(struct payload *p);
#define _payload_ _cleanup_(payload_fini)

#endif
