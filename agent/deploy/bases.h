/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Older versions of files that are wanted: what a patch can be made against.
 *
 * They are looked for by path in the slot that runs, else in the known-good one, else in
 * the newest; the modules of two kernels meet by their paths below the release.  Files of
 * slots were verified, and nobody writes them.
 */
#ifndef KF_DEPLOY_BASES_H
#define KF_DEPLOY_BASES_H

#include "agent/agent.h"
#include "proto/manifest.h"

struct bases;

/* Open those slots.  None is no error: *ret has nothing then. */
int bases_new(struct agent *a, struct bases **ret) _must_check_;
void bases_free(struct bases *b);

/* The manifest that the next one probably resembles; NULL: there is none. */
const struct digest *bases_manifest(const struct bases *b);
/* Its bytes, from the start. */
int bases_open_manifest(const struct bases *b) _must_check_;

/* Append the table that follows Need (docs/PROTOCOL.md) to out, for the files of m whose
 * bits are set, and remember it. */
int bases_find(struct bases *b, const struct manifest *m, const uint8_t *wanted,
	       struct buf *out) _must_check_;
/* Open what was said to be the base of file i: -ENOENT when this was not. */
int bases_open(const struct bases *b, size_t i, const struct digest *digest,
	       uint64_t size) _must_check_;

#endif
