/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What xfstests' `check` prints: "generic/001 4s ...  5s", and what follows a name when a
 * test did not pass; then the lists "Ran:", "Not run:", "Failures:".  (Its result.xml is
 * JUnit already, and not read.)  An engine without I/O.
 *
 * A test whose line has no end is ERROR; the lists must agree with the lines, and without
 * them the output was cut.  The same test again is another attempt; the worst counts.
 * Sections become the first part of the names when there are several.
 */
#ifndef KF_XFSTESTS_H
#define KF_XFSTESTS_H

#include "controller/results/lines.h"
#include "controller/results/suite.h"

struct xfstests {
	struct suite_run *suite;
	struct lines lines;
	bool sure;     /* a line was seen that only check prints */
	bool sections; /* names have a section in front */
	bool running;  /* a test's line has no end yet */
	bool failed;   /* ... or was ended by a failure, of which more may follow */
	bool ran;      /* "Ran:" was seen after the last test */
	char section[SUITE_NAME / 2 + 1];
	char name[SUITE_NAME + 1]; /* of the test whose line it is, or was */
	size_t at;		   /* its index, SUITE_PARENT: not there */
	struct buf output;
};

void xfstests_init(struct xfstests *x, struct suite_run *suite);
void xfstests_fini(struct xfstests *x);
int xfstests_feed(struct xfstests *x, const void *data, size_t n) _must_check_;
int xfstests_end(struct xfstests *x) _must_check_;

#endif
