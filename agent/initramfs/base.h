/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The initramfs that a graft begins with: the running kernel's, else the foreign one's.
 */
#ifndef KF_INITRAMFS_BASE_H
#define KF_INITRAMFS_BASE_H

#include "agent/boot/boot.h"

struct initramfs_base {
	int fd;
	uint64_t len; /* bytes that count; a graft's own part behind them does not */
	char *name;   /* for texts */
};

/* -ENOENT: the running kernel has none, or it cannot be known where it is. */
int initramfs_base_open(const struct agent *a, const struct boot_chain *chain,
			struct initramfs_base *ret, struct kf_error *err) _must_check_;
/* While a foreign kernel runs: note where its initramfs is, for slots that have none. */
int initramfs_base_remember(const struct agent *a, const struct boot_chain *chain,
			    struct kf_error *err) _must_check_;
void initramfs_base_close(struct initramfs_base *b);
#define _base_ _cleanup_(initramfs_base_close)

#endif
