/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why a symbol cannot be set: what its Kconfig wants of other symbols, held against a
 * configuration.  It reads Kconfig's language as far as that takes: blocks, `depends on`,
 * prompts and their conditions; what a macro ($(...)) would give is not known, and blamed
 * for nothing.  No I/O but depends_find().
 */
#ifndef KF_DEPENDS_H
#define KF_DEPENDS_H

#include <stdbool.h>

#include "controller/kconfig/kconf.h"

#define DEPENDS_FILE_MAX (1024u * 1024)

struct depends {
	const char *symbol; /* without CONFIG_ */
	const struct kconf *config;
	char want;	    /* 'y' or 'm': how much its dependencies have to give */
	bool found;	    /* it is there */
	bool prompt;	    /* and somebody can set it */
	struct buf missing; /* terms that do not hold, "PSTORE (=n)", commas between */
};

/* The text of one Kconfig file. */
int depends_read(struct depends *d, const char *text, size_t n) _must_check_;
void depends_fini(struct depends *d);

/* What is wrong with symbol ("CONFIG_X") in the tree at src, for make's arch: a line for
 * a person, the caller's; NULL: nothing that could be found. */
char *depends_find(const char *src, const char *arch, const char *symbol, char want,
		   const struct kconf *config);

/* An expression's value: 'n', 'm' or 'y'; '?' when it cannot be read or known. */
char depends_eval(const char *expr, size_t n, const struct kconf *config);

#endif
