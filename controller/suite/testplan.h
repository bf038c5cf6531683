/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which suites are to be run, and how: the same for all boards of a call. */
#ifndef KF_TESTPLAN_H
#define KF_TESTPLAN_H

#include "controller/config/config.h"
#include "controller/log/severity.h"
#include "controller/suite/suitefile.h"
#include "controller/ui/ui.h"
#include "proto/base/buf.h"

#define TESTPLAN_ITEMS	  64
#define TESTPLAN_RETRIES  20
#define TESTPLAN_LIMIT_MS (INT64_C(60) * 60 * 1000) /* of a suite that says none */

/* "kselftest:net": a suite, with a part of it. */
struct testitem {
	char *name;	  /* in reports */
	char *suite;	  /* of the file; "cmd": a program of the user's */
	char *collection; /* NULL: none */
	char **words;	  /* cmd: the program and its arguments; else NULL */
	struct suitefile file;
};

struct testplan {
	struct testitem *items;
	size_t n;
	char *const *args; /* added to each command; the caller's, NULL-terminated */
	unsigned retries;
	const char *expect; /* file of expected failures, NULL: none */
	struct buf expect_text;
	int64_t timeout_ms; /* of each suite; 0: as its file says */
	enum severity fail_on;
	const char *prebuilt; /* pushed instead of what would be built */
};

void testplan_init(struct testplan *p);
void testplan_fini(struct testplan *p);
#define _testplan_ _cleanup_(testplan_fini)

/* "SUITE", "SUITE:COLLECTION" or "cmd:PROGRAM ARGUMENTS".  KF_REASON_USAGE: it is none.
 */
int testplan_add(struct testplan *p, const struct config *cfg, const char *text,
		 struct kf_error *err) _must_check_;
/* Read the file of expected failures, which must be a good one. */
int testplan_expect(struct testplan *p, const char *file,
		    struct kf_error *err) _must_check_;
/* Does all of it go together?  Once the options were taken. */
int testplan_check(const struct testplan *p, struct kf_error *err) _must_check_;
/* What one run of it may take, and all suites with every retry. */
int64_t testplan_item_ms(const struct testplan *p, const struct testitem *it);
int64_t testplan_ms(const struct testplan *p);
/* Build what is built here, with the tree's make; once for boards of the same
 * architecture.  -ENOEXEC: it does not build. */
int testplan_build(const struct testplan *p, const struct config *cfg, struct ui *ui,
		   const char *board, struct kf_error *err) _must_check_;
/* The directory to push for that board; NULL: there is none.  The caller's. */
int testplan_source(const struct testplan *p, const struct config *cfg, const char *board,
		    const struct testitem *it, char **ret,
		    struct kf_error *err) _must_check_;
/* Where the suite is on the board: the caller's. */
char *testplan_place(const struct testitem *it);

#endif
