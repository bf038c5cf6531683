/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A manifest that arrived as a patch against that of a slot. */
#ifndef KF_MANIFEST_IN_H
#define KF_MANIFEST_IN_H

#include "agent/deploy/bases.h"
#include "proto/base/err.h"

/* Where *data is a patch: make the manifest of `size` bytes into made, and let *data and
 * *n be that.  bases may be NULL: then patches are not known, and left as they are. */
int manifest_in(const struct bases *bases, uint64_t size, const void **data, size_t *n,
		struct buf *made, struct kf_error *err) _must_check_;

#endif
