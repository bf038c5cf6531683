/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Secure Boot: is it on, and does a kernel carry a signature at all?  Whether the
 * firmware accepts the signature cannot be known from here (its keys, and what of them
 * was revoked, count at the boot); a kernel without one it never starts.  One whose
 * signature is refused falls back as any that does not start.
 */
#ifndef KF_SECUREBOOT_H
#define KF_SECUREBOOT_H

#include <stdbool.h>

#include "agent/agent.h"

/* Who checks the kernel. */
enum secureboot_by {
	SECUREBOOT_FIRMWARE, /* started by a boot entry of its own */
	SECUREBOOT_SHIM,     /* started by GRUB: not when validation is off there */
	SECUREBOOT_SYSTEMD,  /* by systemd-boot: the same, where shim started that */
};

/* 0: it may start; -EPERM (KF_REASON_BOOT_CHAIN): it would be refused. */
int secureboot_check(const struct agent *a, enum secureboot_by by, int image_fd,
		     const char *name, struct kf_error *err) _must_check_;
/* Of the firmware, without a kernel. */
bool secureboot_is_on(const struct agent *a);
/* Has a PE image a signature?  1, 0, or -ENOEXEC when it is none. */
int secureboot_is_signed(int fd) _must_check_;

#endif
