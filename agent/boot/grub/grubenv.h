/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GRUB's environment block: exactly 1024 bytes that GRUB rewrites where they lie on the
 * disk, by the list of their blocks.  So it is changed in place, and its size never.
 * A signature line, "name=value" lines in which a backslash stands before a backslash or
 * a line break of the value, the rest '#' (GRUB 2.06, grub-core/lib/envblk.c).
 */
#ifndef KF_GRUBENV_H
#define KF_GRUBENV_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/cleanup.h"

#define GRUBENV_SIZE 1024

/* A block that grubenv_init() or grubenv_load() has found to be one. */
struct grubenv {
	char block[GRUBENV_SIZE];
};

void grubenv_init(struct grubenv *e);
/* -EBADMSG: not of this size, or no such signature. */
int grubenv_load(const void *data, size_t n, struct grubenv *ret) _must_check_;
/* The value, the caller's; -ENOENT. */
int grubenv_get(const struct grubenv *e, const char *name, char **ret) _must_check_;
/* -ENOSPC: no room, -EINVAL: no name, -EBADMSG: its last line has no end; nothing has
 * changed then. */
int grubenv_set(struct grubenv *e, const char *name, const char *value) _must_check_;
/* Not being there is fine. */
void grubenv_unset(struct grubenv *e, const char *name);

/* The file, whole; -ENOENT, -EBADMSG as above. */
int grubenv_read(int dirfd, const char *rel, struct grubenv *ret) _must_check_;
/*
 * Write it over the file's own bytes, flush, and read it back (-EIO when it reads
 * differently).  -EBADMSG when the file is not of this size, -ENOENT when there is none.
 */
int grubenv_write(int dirfd, const char *rel, const struct grubenv *e) _must_check_;
/* Make the file, of an empty block. */
int grubenv_create(int dirfd, const char *rel) _must_check_;

#endif
