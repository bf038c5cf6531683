/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * boot.scr: the script that U-Boot runs before the board's own extlinux.conf, in the
 * legacy image format that `mkimage -T script` makes.  No I/O here.
 *
 * The script starts kferry/trial.conf once when kferry/once exists and could be deleted,
 * then kferry/good.conf where that exists; else, and when starting fails, it ends, and
 * U-Boot goes on to what it would have started without the script.
 */
#ifndef KF_BOOTSCR_H
#define KF_BOOTSCR_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/buf.h"

#define BOOTSCR_ONCE  "kferry/once"
#define BOOTSCR_TRIAL "kferry/trial.conf"
#define BOOTSCR_GOOD  "kferry/good.conf"

/* Append the whole file; the same bytes each time. */
int bootscr_make(struct buf *out) _must_check_;
/* Is this a boot.scr of ours, also of another version of kferry? */
bool bootscr_is_ours(const void *data, size_t n);

/* Append a script wrapped as an image.  name: shown by U-Boot, at most 32 bytes. */
int bootscr_wrap(const char *text, size_t n, const char *name,
		 struct buf *out) _must_check_;

#endif
