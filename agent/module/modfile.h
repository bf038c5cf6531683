/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands in a module's file, plain or compressed (zstd, gzip, xz).  Looked for in a
 * window that moves over its bytes: memory is bounded, whatever the size.
 */
#ifndef KF_MODFILE_H
#define KF_MODFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/cleanup.h"

#define MODFILE_TEXT 256 /* bytes of a value that is looked at, terminator included */

/* The value behind key ("vermagic="), up to its NUL.  dir_fd: the slot's directory.
 * -ENODATA: it has none; -EOPNOTSUPP: compressed in a way that is not understood; another
 * errno. */
int modfile_text(int dir_fd, const char *path, const char *key,
		 char dst[static MODFILE_TEXT]) _must_check_;
/* Are these bytes (at most MODFILE_TEXT) in it?  false also when it cannot be read. */
bool modfile_has(int dir_fd, const char *path, const void *bytes, size_t n);

#endif
