/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The initramfs by graft: the base, zeros up to a multiple of four, and a cpio with those
 * modules of the slot that the base has by name, and with what these depend on; or with
 * all of the slot.
 */
#ifndef KF_GRAFT_H
#define KF_GRAFT_H

#include <stdatomic.h>

#include "agent/initramfs/base.h"

/*
 * Write it to out_fd.  A base without modules is copied as it is.  Equal input gives
 * equal bytes.  Refused when the slot's kernel cannot unpack what the base is compressed
 * with.
 */
int graft_write(const struct initramfs_base *base, const struct slot *s, bool all,
		int out_fd, const atomic_bool *cancel, struct kf_error *err) _must_check_;

#endif
