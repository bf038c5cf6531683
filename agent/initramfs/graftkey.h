/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A graft that another slot has already.  Equal input gives equal bytes, so one digest of
 * all that goes into a graft tells whether a slot's initramfs is the one that would be
 * made: the base's bytes, the release, the slot's modules and configuration as its
 * manifest has them, and whether all modules go in.
 *
 * slots/<id>/initrd.key holds that digest and the one of the initrd.  It is a note, not a
 * promise: it is never flushed, and an initrd with other bytes than it says is not used.
 */
#ifndef KF_GRAFTKEY_H
#define KF_GRAFTKEY_H

#include <stdatomic.h>

#include "agent/initramfs/base.h"

int graftkey_make(const struct initramfs_base *base, const struct slot *s, bool all,
		  const atomic_bool *cancel, struct digest *ret) _must_check_;
/* Link the initrd of a slot with this key to s->fd:name, which must not exist.  1, or 0:
 * there is none that can be used. */
int graftkey_reuse(const struct agent *a, const struct slot *s, const struct digest *key,
		   const char *name);
/* Note what s->fd:initrd was made of; forget it before it is made anew. */
void graftkey_note(const struct slot *s, const struct digest *key);
void graftkey_forget(const struct slot *s);

#endif
