/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One compressed member of a file, decompressed piece by piece with bounded memory (about
 * 17 MiB at most, for a large window).
 *
 * A member ends where its format says so, not where the file ends: what follows is the
 * caller's.  Formats are the kernel's for an initramfs, of which zstd, gzip and xz are
 * understood; the others are only recognised.
 */
#ifndef KF_DECOMP_H
#define KF_DECOMP_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/cleanup.h"

#define DECOMP_MAGIC 6 /* bytes that decomp_detect() wants to see */

enum decomp_format {
	DECOMP_NONE, /* nothing known */
	DECOMP_ZSTD,
	DECOMP_GZIP,
	DECOMP_XZ,
	DECOMP_LZ4,
	DECOMP_BZIP2,
	DECOMP_LZMA,
	DECOMP_LZO,
	DECOMP_FORMATS
};

/* By the first bytes; n may be less than DECOMP_MAGIC. */
enum decomp_format decomp_detect(const uint8_t *p, size_t n);
/* "zstd"; the kernel's option that unpacks it, "CONFIG_RD_ZSTD". */
const char *decomp_name(enum decomp_format f);
const char *decomp_option(enum decomp_format f);

/* Takes decompressed bytes; anything but 0 ends the work and is returned. */
typedef int (*decomp_sink)(void *arg, const uint8_t *data, size_t n);

/*
 * Decompress the member at offset `at`; fd is not read at `end` and behind.  *ret_used is
 * its length in the file.  -EOPNOTSUPP: not a format that is understood; -EMSGSIZE: it
 * wants more memory than is allowed; -EBADMSG: damaged or cut short.
 */
int decomp_member(int fd, uint64_t at, uint64_t end, enum decomp_format f,
		  decomp_sink sink, void *arg, uint64_t *ret_used) _must_check_;

#endif
