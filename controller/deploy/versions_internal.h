/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the store share: versions.c (files), versions_bundle.c (packages). */
#ifndef KF_VERSIONS_INTERNAL_H
#define KF_VERSIONS_INTERNAL_H

#include "controller/deploy/versions.h"

#define TMP_PREFIX    ".tmp-"
#define BUNDLE_SUFFIX ".kferry"
#define BUNDLE_NAME   (DIGEST_HEX + sizeof(BUNDLE_SUFFIX) - 1)

struct versions {
	char *path;
	int dir;
	uint64_t max;
	bool off; /* adding failed once: it would fail again */
	bool added;
	struct bundles *bundles; /* NULL: they were not looked at yet */
};

bool versions_has(const struct versions *v, const char *name);
/* A new file in the store, under a temporary name: its descriptor, or negative. */
int versions_make_tmp(const struct versions *v, char **ret_name) _must_check_;
/* -ENOSPC: the file system is nearly full. */
int versions_check_room(const struct versions *v) _must_check_;
void versions_failed(struct versions *v, int rc);

bool bundle_name_is(const char *name);
/* Unpack the package that has a file of this digest to files of the store, in its place.
 * false: there is none. */
bool bundles_unpack(struct versions *v, const struct digest *d);
/* NULL is fine. */
void bundles_free(struct bundles *b);

#endif
