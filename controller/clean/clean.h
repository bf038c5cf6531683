/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the cache has, by kind, and removing it: whole entries, such as a tree's directory
 * or a file of versions/.  Names that are none of these kinds are never touched.
 */
#ifndef KF_CLEAN_H
#define KF_CLEAN_H

#include <stdbool.h>
#include <stdint.h>

#include "controller/config/config.h"

enum clean_kind {
	CLEAN_VERSIONS,	 /* files that were sent to boards, and packages */
	CLEAN_TREES,	 /* build logs, staged modules, packs */
	CLEAN_SUITES,	 /* suites that were built */
	CLEAN_TEMPLATES, /* clones of init --template-from */
	CLEAN_LEFTOVERS, /* of calls that were killed */
	CLEAN_IMAGES,	 /* of virtual boards; kept while there is one */
	CLEAN_RUNS,	 /* no cache: only when it is named, and with an age */
	CLEAN_KINDS
};

struct clean_kind_info {
	const char *name, *help;
};
extern const struct clean_kind_info clean_kinds[CLEAN_KINDS];

/* -1: there is none of that name. */
int clean_find(const char *name);

struct clean_found {
	uint64_t entries, bytes; /* that go, or (dry) would */
	uint64_t kept;		 /* entries that are younger, or in use */
	const char *why;	 /* of an entry that is in use; NULL: none */
	int error;		 /* the last that could not be removed, or looked at */
};

/* older_s: only what was not used for so long; 0: all.  dry: only look.  The caller has
 * cachelock_take() unless dry. */
void clean_one(const struct config *cfg, enum clean_kind kind, int64_t older_s, bool dry,
	       struct clean_found *ret);

#endif
