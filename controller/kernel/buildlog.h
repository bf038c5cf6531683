/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a kernel build prints, read as it comes: which file is worked on, and the errors
 * and warnings of make, kbuild, gcc, clang, rustc, the linkers, modpost, objtool and dtc.
 * An engine without I/O.
 */
#ifndef KF_BUILDLOG_H
#define KF_BUILDLOG_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/buf.h"

enum buildlog_kind {
	BUILDLOG_OTHER,
	BUILDLOG_STEP,	/* "  CC [M]  fs/ext4/super.o" */
	BUILDLOG_ERROR, /* the cause of a failure */
	BUILDLOG_WARNING,
	BUILDLOG_FAILED, /* make: a recipe failed; the cause stands above */
};

/* Kind of one line without its '\n'. */
enum buildlog_kind buildlog_classify(const char *line, size_t n);

#define BUILDLOG_KEEP 50 /* messages of each kind that are repeated at the end */

/* Gets each line, without its '\n'; a negative errno of it ends the feeding. */
typedef int (*buildlog_line_fn)(void *arg, enum buildlog_kind kind, const char *line,
				size_t n);

struct buildlog {
	buildlog_line_fn on_line; /* NULL: nobody */
	void *arg;
	struct buf partial;
	unsigned errors, warnings, steps;
	char *error[BUILDLOG_KEEP], *warning[BUILDLOG_KEEP];
	char *failed;	  /* make's first "***" line */
	char current[80]; /* the file worked on last */
};

void buildlog_init(struct buildlog *b);
void buildlog_fini(struct buildlog *b);
/* Output, cut anywhere. */
int buildlog_feed(struct buildlog *b, const void *data, size_t n) _must_check_;
/* The output's end: a last line may lack its '\n'. */
int buildlog_end(struct buildlog *b) _must_check_;
/* What to name as the cause of a failure; NULL: nothing was recognised. */
const char *buildlog_first_error(const struct buildlog *b);

#endif
