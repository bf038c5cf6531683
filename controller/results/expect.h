/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Failures that are expected, from a file: a pattern of test names a line, and the
 *reason.
 *
 *	# comment
 *	selftests.net.*    needs a second network card
 *	"suite.a b"        names with blanks stand in double quotes
 *
 * '*', '?' and [...] mean what they mean in a shell, but '*' also fits '.' and '/'; the
 * first pattern that fits counts.  FAIL becomes XFAIL, PASS becomes XPASS; ERROR, MISS
 * and SKIP are what they were: a test that does not end is never expected.
 */
#ifndef KF_EXPECT_H
#define KF_EXPECT_H

#include "controller/results/suite.h"
#include "proto/base/err.h"

#define EXPECT_BYTES (4u << 20) /* of the file */
#define EXPECT_LINES 4096	/* patterns */
#define EXPECT_LINE  1024	/* bytes of one line */

struct expectation {
	char *pattern, *reason;
	unsigned line;
	size_t used; /* tests that it fitted */
};

struct expect {
	struct expectation *list;
	size_t n;
};

/* Read text; name is the file's, for errors, which name the line. */
int expect_parse(const char *text, size_t n, const char *name, struct expect *ret,
		 struct kf_error *err) _must_check_;
void expect_fini(struct expect *e);
#define _expect_ _cleanup_(expect_fini)
/* Change the statuses, and settle the suite again; a pattern that fits no test is a
 * problem that is no error. */
int expect_apply(struct expect *e, struct suite_run *s) _must_check_;

#endif
