/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What goes to a board of a kernel's files: those that it lacks, and of them as patches
 * those of which both sides have the same older version.
 *
 * A table from a board is checked; what it claims to have is its own affair: it gets
 * patches that are of use with just that, and holds the result against the manifest.
 */
#ifndef KF_DELTA_H
#define KF_DELTA_H

#include "controller/deploy/pace.h"
#include "controller/deploy/versions.h"
#include "controller/kernel/kernel.h"

struct delta {
	const struct kernel *k;
	struct versions *versions; /* may be NULL */
	const uint8_t *want;	   /* bitmap over the manifest's files */
	struct buf table;	   /* of older versions, as it came; empty: none */
	const struct pace *pace;   /* NULL: as pace_init() has it */
	uint64_t made_us; /* spent on making patches; the caller may set it to 0 */
	/* What was written: */
	uint64_t patches, patch_bytes;
	bool packed; /* as the package file has it */
	/* delta_write()'s own: */
	bool many;
	uint64_t probed;
};

void delta_fini(struct delta *x);
/* Is the table well-formed?  Else KF_REASON_PROTOCOL. */
int delta_check_table(const struct delta *x, struct kf_error *err) _must_check_;
/* Does all go, and may it as the package file has it?  Not where the user has set a
 * level. */
bool delta_is_packed(const struct delta *x);
/* Write the tar of a push: sink, arg and done as for kernel_write_tar(). */
int delta_write(struct delta *x, kernel_sink_fn sink, void *arg, uint64_t *done,
		struct kf_error *err) _must_check_;
/* The manifest's bytes as a patch against the one with digest `base` (NULL: against
 * none), appended to out.  1: done; 0: it is to be sent as it is. */
int delta_manifest(const struct kernel *k, struct versions *v, const struct digest *base,
		   struct buf *out) _must_check_;
/* Keep what was sent for the next time: the wanted files and the manifest. */
void delta_keep(const struct delta *x);

#endif
