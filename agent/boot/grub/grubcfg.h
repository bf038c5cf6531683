/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GRUB's scripts: what is read of grub.cfg, our block in custom.cfg, and the entry of a
 * slot.  Text in, text out; no I/O here.
 *
 * custom.cfg (read at the end of grub.cfg) gets one block that never changes.  It looks
 * into kferry/env beside it and reads kferry/<slot>/grub.cfg when a slot is to start:
 *
 *	kferry_once=<slot>	this time; cleared on the disk before the slot is chosen,
 *				and not chosen when that fails
 *	kferry_default=<slot>	always, but for a one-shot of GRUB's own (next_entry)
 *
 * Only then is there a menu entry, so no index or title can hit one of ours by accident.
 */
#ifndef KF_GRUBCFG_H
#define KF_GRUBCFG_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/buf.h"

#define GRUBCFG_MAX (4u * 1024 * 1024) /* bytes of a script that is read */

/* Of a grub.cfg.  -ENOENT: it does not read custom.cfg; -EEXIST: it does, and sets the
 * default once more behind that. */
int grubcfg_check(const void *data, size_t n) _must_check_;

/*
 * Append custom.cfg as it shall be: what is there of others byte for byte, our block
 * where it was or else at the end.  -EBADMSG: one of its markers is there without the
 * other, or twice, or there is a NUL.
 */
int grubcfg_merge(const void *data, size_t n, struct buf *out) _must_check_;
/* The same without our block. */
int grubcfg_strip(const void *data, size_t n, struct buf *out) _must_check_;
/* Is our block in it, as grubcfg_merge() writes it? */
bool grubcfg_has_block(const void *data, size_t n);

/*
 * Append kferry/<slot>/grub.cfg.  If GRUB cannot start the kernel, the entry resets the
 * board, and a default that fails so is given up first.  -EINVAL: the command line has
 * what GRUB does not pass on unchanged (a backslash, a ', or a " inside a word).
 */
int grubcfg_entry(const char *slot, const char *release, const char *cmdline, bool initrd,
		  struct buf *out) _must_check_;

/*
 * The last initramfs of the first entry of a grub.cfg that starts image (BOOT_IMAGE= of
 * the command line, "(hd0,gpt2)/vmlinuz"), both without the device; *ret is the caller's.
 * -ENOENT.
 */
int grubcfg_initrd(const void *data, size_t n, const char *image,
		   char **ret) _must_check_;

#endif
