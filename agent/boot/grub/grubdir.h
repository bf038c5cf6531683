/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The directory that GRUB reads grub.cfg from, and whether GRUB can write there: only
 * then can a one-shot be cleared before the kernel runs.
 *
 * It is grub or grub2 below conf.boot_dir (/boot).  GRUB writes into files by the blocks
 * where they lie.  That works on plain partitions with ext2/3/4, vfat or xfs, and on
 * nothing else that is counted on here (GRUB's own 00_header has the list of where not).
 */
#ifndef KF_GRUBDIR_H
#define KF_GRUBDIR_H

#include "agent/agent.h"

struct grubdir {
	char *path; /* below a->root, absolute */
	int fd;
};

/* -ENOENT with err saying where it was looked for. */
int grubdir_open(const struct agent *a, struct grubdir *ret,
		 struct kf_error *err) _must_check_;
void grubdir_close(struct grubdir *g);
#define _grubdir_ _cleanup_(grubdir_close)

/* 0: what is armed here starts once.  -ENOTSUP, -EROFS, -EBADMSG: err says why not.
 * *ret_type (may be NULL): the file system's, the caller's. */
int grubdir_check(const struct agent *a, const struct grubdir *g, char **ret_type,
		  struct kf_error *err) _must_check_;

#endif
