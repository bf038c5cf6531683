/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Patches that arrive: pulled from somewhere, applied to a file, given on as bytes.
 * Blocking. */
#ifndef KF_PATCH_IN_H
#define KF_PATCH_IN_H

#include <sys/types.h>

#include "proto/base/err.h"
#include "proto/patch.h"

struct patch_in {
	/* Bytes of the patch: > 0, 0 at its end, negative with err set. */
	ssize_t (*pull)(void *arg, void *data, size_t n, struct kf_error *err);
	/* The file that head names as its base; patch_in() closes it.
	 * Negative, with err set: it is not to be applied.  Not asked for when there is
	 * no base. */
	int (*base)(void *arg, const struct patch_head *head, struct kf_error *err);
	/* The next bytes of the file. */
	int (*put)(void *arg, const void *data, size_t n, struct kf_error *err);
	void *arg;
	const char *what; /* for error texts */
	uint64_t size;	  /* that the file must have */
};

int patch_in(const struct patch_in *in, struct kf_error *err) _must_check_;

#endif
