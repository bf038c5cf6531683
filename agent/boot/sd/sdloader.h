/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is the boot loader that started this board a systemd-boot that starts entries once,
 * and does it leave ours alone otherwise? */
#ifndef KF_SDLOADER_H
#define KF_SDLOADER_H

#include "agent/boot/sd/bootdir.h"

/*
 * Open the directory of EFI variables when they can be written and LoaderInfo and
 * LoaderFeatures are right; else -ENOTSUP or -EROFS and err says why and what to do.
 * *ret_info (may be NULL): "systemd-boot 252.39", the caller's.
 */
int sdloader_open(const struct agent *a, int *ret_vars, char **ret_info,
		  struct kf_error *err) _must_check_;

/*
 * 0 when systemd-boot, left to itself, starts something other than entry (a file's name):
 * neither a `default` of loader.conf nor a foreign LoaderEntryDefault matches it, and
 * another entry is there that goes before it.
 */
int sdloader_check_default(int vars, const struct bootdirs *dirs, const char *entry,
			   struct kf_error *err) _must_check_;

#endif
