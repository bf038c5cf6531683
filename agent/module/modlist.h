/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The modules that are loaded, from /proc/modules below a->root. */
#ifndef KF_MODLIST_H
#define KF_MODLIST_H

#include "agent/agent.h"

struct module {
	char *name;
	uint64_t size;
	int users;	/* modules and others; -1: the kernel does not count */
	char **holders; /* modules that use it; ends with NULL */
	size_t n_holders;
	bool permanent; /* it cannot be unloaded: it has no way to end */
	char *state;	/* "live", "loading", "unloading" */
	char *taint;	/* "OE", or "" */
};

struct modlist {
	struct module *v;
	size_t n;
};

/* Newest first.  A kernel without modules has none.  Lines that are not understood are
 * passed over. */
int modlist_read(const struct agent *a, struct modlist *ret) _must_check_;
/* The same of a text. */
int modlist_parse(const char *text, struct modlist *ret) _must_check_;
void modlist_fini(struct modlist *l);
#define _modlist_ _cleanup_(modlist_fini)

/* '-' and '_' are the same.  NULL: it is not loaded. */
const struct module *modlist_find(const struct modlist *l, const char *name);

#endif
