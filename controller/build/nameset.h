/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strings, each once: a hash table that only grows. */
#ifndef KF_NAMESET_H
#define KF_NAMESET_H

#include <stdbool.h>
#include <stddef.h>

struct nameset {
	char **slot;
	size_t n, size;
};

bool nameset_has(const struct nameset *m, const char *s);
/* n bytes of s, without a NUL among them.  1: it was there already; -ENOMEM. */
int nameset_add(struct nameset *m, const char *s, size_t n);
void nameset_fini(struct nameset *m);

#endif
