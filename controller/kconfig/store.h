/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user's store of kernel configurations: a directory with one directory for each,
 *
 *	NAME/config	the bytes of a .config
 *	NAME/info.json	description, when, from where, and the digest of config
 *
 * on a shelf.  What is in the store and is none of its own is left alone, and told.
 */
#ifndef KF_KCONFIG_STORE_H
#define KF_KCONFIG_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "controller/kconfig/kconf.h"
#include "controller/shelf.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"

#define STORE_DIR	      "kconfigs" /* in the data directory */
#define STORE_DESCRIPTION_MAX 256	 /* bytes */

struct store_entry {
	char *name;
	char *trouble; /* why it is no configuration; then nothing below is set */
	char *description, *arch, *release, *origin; /* "" where not known */
	int64_t saved;				     /* seconds since 1970 */
	uint64_t bytes;
};

struct store_list {
	struct store_entry *entries; /* sorted by name */
	size_t n;
	bool cut; /* there was more than SHELF_MAX */
};

/* One line of plain text, bounded. */
int store_check_description(const char *text, struct kf_error *err) _must_check_;

/* text is a configuration (kconf_parse() was content).  KF_REASON_EXISTS when the name is
 * taken, unless replace. */
int store_save(const char *dir, const char *name, const char *description,
	       const char *origin, const struct kconf *k, const struct buf *text,
	       bool replace, struct kf_error *err) _must_check_;
/* KF_REASON_NOT_FOUND, or why it cannot be used: it is not what was saved. */
int store_get(const char *dir, const char *name, struct buf *text,
	      struct kf_error *err) _must_check_;
/* The file with its bytes: the caller's; NULL: no memory. */
char *store_path(const char *dir, const char *name);
int store_remove(const char *dir, const char *name, struct kf_error *err) _must_check_;

/* A store that is not there is empty. */
int store_list(const char *dir, struct store_list *ret,
	       struct kf_error *err) _must_check_;
void store_list_fini(struct store_list *l);

#endif
