/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The initramfs of a slot: grafted, made by the distribution's generator, or none.
 *
 * graft: the kernel unpacks concatenated archives, so the running slot's initramfs with a
 * small cpio of the new release's modules behind it is a valid initramfs (design section
 * 7). Which modules: those the base has, by name, and what they depend on in the new
 * kernel; graft-all: all of its modules.  auto: none when the new kernel cannot unpack
 * one or the running system has none; else graft; else distro.  A graft that another slot
 * has already, made of the same, is linked and not made again.  Blocking; runs in the
 * deploy's job.
 */
#ifndef KF_INITRAMFS_H
#define KF_INITRAMFS_H

#include <stdatomic.h>

#include "agent/boot/boot.h"

struct initramfs_result {
	const char *how;   /* "graft", "graft-all", "distro", "none", "package" */
	uint64_t base_len; /* graft: bytes of the base */
	bool keyed;
	struct digest key; /* graft, and keyed: of all that it was made of */
};

/* Writes slot_fd:"initrd" (fsynced) unless the result is "none"; mode is what was asked.
 * s->fd may be a staging directory.  A package that brings boot/initrd keeps it
 * ("package"). */
int initramfs_make(const struct agent *a, const struct boot_chain *chain,
		   const struct slot *s, Kferry__Initramfs mode,
		   const atomic_bool *cancel, struct initramfs_result *ret,
		   struct kf_error *err) _must_check_;
/* A lower bound in bytes: a graft is longer than its base. */
uint64_t initramfs_least(const struct agent *a, const struct boot_chain *chain,
			 Kferry__Initramfs mode);
/* A rough upper bound in bytes, for the space check before anything is sent. */
uint64_t initramfs_estimate(const struct agent *a, const struct boot_chain *chain,
			    Kferry__Initramfs mode);

#endif
