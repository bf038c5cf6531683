/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A slot on a boot file system that systemd-boot reads:
 * loader/entries/-kferry-<slot>.conf and kferry/<slot>/{linux,initrd}.
 *
 * The name is chosen so that the entry never becomes the default: entries without a
 * sort-key are ordered by descending id, after those with one, and '-' is lower than any
 * letter or digit.  It is made in sdentry_name() and nowhere else.
 */
#ifndef KF_SDENTRY_H
#define KF_SDENTRY_H

#include "agent/boot/sd/bootdir.h"
#include "agent/slot/slot.h"

#define SDENTRY_PREFIX "-kferry-"
#define SDENTRY_NAME   (sizeof(SDENTRY_PREFIX) + SLOT_ID_SIZE + sizeof(".conf"))
/* The entry of a slot that does not exist yet, to try patterns on. */
#define SDENTRY_SAMPLE SDENTRY_PREFIX "k-01234567.conf"

/* -EINVAL when slot is not a slot's id. */
int sdentry_name(const char *slot, char dst[static SDENTRY_NAME]) _must_check_;
/* Of a file's name or the value of a loader variable. */
bool sdentry_is_ours(const char *id);

/* Files, then the entry, all flushed and read back.  What is there already and right is
 * kept; where it is not, the entry goes before the files change. */
int sdentry_stage(const struct bootdir *d, const struct slot *s, int initrd_fd,
		  struct kf_error *err) _must_check_;
/* The entry is there and names files that are there. */
int sdentry_check(const struct bootdir *d, const char *slot,
		  struct kf_error *err) _must_check_;
/* Entry, then files; absent is fine. */
int sdentry_remove(const struct bootdir *d, const char *slot,
		   struct kf_error *err) _must_check_;

/*
 * The initramfs of the entry with this id (LoaderEntrySelected), as a path below a->root;
 * of several the last, because microcode comes first.  -ENOENT: no such entry, or it has
 * none.
 */
int sdentry_initrd(const struct bootdir *d, const char *id, char **ret_path) _must_check_;

#endif
