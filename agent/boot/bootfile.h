/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file on a boot file system: flushed, and compared with its source as the disk has it.
 * For files that a boot stage reads and that may be too large for memory.
 */
#ifndef KF_BOOTFILE_H
#define KF_BOOTFILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "proto/base/err.h"
#include "proto/digest.h"

/* The digest of all of fd, whatever its position. */
int bootfile_digest(int fd, struct digest *ret) _must_check_;
/* 1: dirfd/name has exactly these bytes on the disk; 0: it has not, or is not there. */
int bootfile_has(int dirfd, const char *name, const struct digest *want) _must_check_;
/*
 * Make dirfd/name a copy of src_fd, whose digest is want: temporary, fsync, syncfs, read
 * back past the page cache, rename, both flushed.  KF_REASON_DIGEST when what
 * was read is not what was promised.
 */
int bootfile_put(int dirfd, const char *name, int src_fd, const struct digest *want,
		 struct kf_error *err) _must_check_;
/* Make dirfd/name hold data: replaced, its file system flushed, read back; -EIO when that
 * differs. */
int bootfile_write(int dirfd, const char *name, const void *data, size_t n,
		   mode_t mode) _must_check_;
/* Is dirfd/name a file with something in it? */
bool bootfile_there(int dirfd, const char *name);
/* Open dirfd/dir, made durably where it is missing; where: dirfd's path, for the text. */
int bootfile_dir(int dirfd, const char *where, const char *dir,
		 struct kf_error *err) _must_check_;
/* Remove the temporaries that writes which were cut short left in dirfd/dir.  What cannot
 * be removed stays for the next time. */
void bootfile_tidy(int dirfd, const char *dir);
/* Remove dirfd/dir if nothing is in it; 0 also when it is not there or not empty. */
int bootfile_drop_empty(int dirfd, const char *dir) _must_check_;

#endif
