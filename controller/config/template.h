/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A lab's own templates for `kferry init`: profiles (boards/README.md) in a directory and
 * up to two levels below it, such as DEVICE/ARCH/NAME.ini.  What begins with a dot, and
 * what is no plain file, is not looked at.
 */
#ifndef KF_TEMPLATE_H
#define KF_TEMPLATE_H

#include "controller/config/config.h"
#include "proto/base/buf.h"

#define TEMPLATES_MAX 256

struct template
{
	char *name; /* "rpi4/arm64/debug": its path without .ini */
	char *path;
	char *description; /* profile.description, or NULL */
	char *trouble;	   /* why it cannot be used, or NULL */
};

struct template_list {
	struct template *list; /* sorted by name */
	size_t n;
};

/* The directory that from means: itself, or for the URL of a git repository a fresh clone
 * in the cache (its last commit only; timeout.clone).  The caller's. */
int template_place(const struct config *cfg, const char *from, char **ret,
		   struct kf_error *err) _must_check_;
int template_find_all(const char *dir, struct template_list *ret,
		      struct kf_error *err) _must_check_;
void template_list_fini(struct template_list *l);
/* By its name, or by the end of one if that is not ambiguous; NULL without a name: the
 * only one.  Its text is appended.  Errors are KF_REASON_USAGE. */
int template_read(const struct template_list *l, const char *name, struct buf *text,
		  const struct template **ret, struct kf_error *err) _must_check_;
/* Does it look like a git repository's URL, and not like a path? */
bool template_is_url(const char *from);

#endif
