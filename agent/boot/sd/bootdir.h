/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where systemd-boot reads its entries: the mounted ESP and XBOOTLDR partitions.
 *
 * Candidates are /boot, /efi and /boot/efi, where a vfat is mounted there; looking
 * at them starts an automount.  $BOOT is conf.boot_dir, or the first of them with
 * loader/entries: an XBOOTLDR partition is mounted at /boot and thus goes before the ESP.
 */
#ifndef KF_BOOTDIR_H
#define KF_BOOTDIR_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/agent.h"

#define BOOTDIR_MAX 4

struct bootdir {
	char *path; /* below a->root, absolute, without trailing slash */
	int fd;
	bool read_only;
};

struct bootdirs {
	struct bootdir v[BOOTDIR_MAX]; /* v[0] is $BOOT */
	size_t n;
};

/* -ENOENT with err saying where it was looked for.  The caller ends it with fini. */
int bootdirs_find(const struct agent *a, struct bootdirs *ret,
		  struct kf_error *err) _must_check_;
void bootdirs_fini(struct bootdirs *d);
#define _bootdirs_ _cleanup_(bootdirs_fini)

#endif
