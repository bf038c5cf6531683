/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A suite run: the results of one run of a test suite, whatever it printed them as, and
 * what is wrong with the output itself.
 *
 * The statuses are those of kselftest and KCIDB.  A test without a result line is never
 * PASS: it is ERROR when it was running, MISS when it did not come to run.
 *
 * Memory is bounded: what passes a limit below is counted and told as a problem.
 */
#ifndef KF_SUITE_H
#define KF_SUITE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/base/buf.h"

#define SUITE_TESTS    65536	    /* results that are kept */
#define SUITE_PROBLEMS 64	    /* problems that are kept */
#define SUITE_NAME     512	    /* bytes of a test's path */
#define SUITE_TEXT     256	    /* bytes of a reason or a problem */
#define SUITE_OUTPUT   8192	    /* bytes of output of one test: the last ones */
#define SUITE_OUTPUTS  (8u << 20)   /* bytes of output of all tests */
#define SUITE_PLAN     (1u << 31)   /* tests that a plan may promise */
#define SUITE_PARENT   ((size_t)-1) /* of a test at the top: it has none */

enum test_status {
	TEST_PASS,
	TEST_FAIL,
	TEST_SKIP,
	TEST_ERROR, /* the test did not come to its end: nothing is known of the code */
	TEST_MISS,  /* it did not run, because something before it went wrong */
	TEST_XFAIL, /* it failed, and that was expected */
	TEST_XPASS, /* it passed, and a failure was expected */
	TEST_STATUSES
};

struct test_result {
	char *name;    /* path; parents and children are joined by '.' */
	size_t leaf;   /* where the last part of name begins */
	size_t parent; /* index, or SUITE_PARENT */
	enum test_status status;
	bool group;	   /* it has tests below it */
	bool counted;	   /* in the sums: no group, or one with a fault of its own */
	uint64_t count;	   /* tests that this line stands for; > 1 with MISS only */
	unsigned attempts; /* how often it ran */
	bool flaky;	   /* it did not come to the same each time */
	int64_t took_ms;   /* -1: not known */
	char *text;	   /* reason, directive, contradiction; or NULL */
	char *output;	   /* what it printed, if it did not pass; or NULL */
};

struct suite_problem {
	uint64_t line; /* of the output, from 1; 0: of all of it */
	bool error;    /* the results cannot be believed, or not all of them */
	char *text;
};

struct suite_run {
	char *name;	    /* of the suite; or NULL */
	const char *format; /* "ktap", "ltp", "xfstests", "exit" */
	struct test_result *tests;
	size_t n;
	struct suite_problem *problems;
	size_t n_problems;
	uint64_t more_tests, more_problems; /* that were not kept */
	size_t output_bytes;
	void *by_name;	/* of suite_again() */
	bool cut;	/* the output ended before the suite did */
	size_t running; /* what ran then: index, or SUITE_PARENT: not known */
};

struct suite_counts {
	uint64_t of[TEST_STATUSES];
	uint64_t all, errors; /* errors: problems that are */
};

int suite_init(struct suite_run *s, const char *name, const char *format) _must_check_;
void suite_fini(struct suite_run *s);
#define _suite_ _cleanup_(suite_fini)

const char *test_status_name(enum test_status status); /* "PASS" */
int test_status_parse(const char *name, enum test_status *ret);
/* Is it one for which somebody has to do something: FAIL, ERROR, MISS? */
bool test_status_is_bad(enum test_status status);

/*
 * Add a result at the top; *ret (may be NULL) is valid until the next call.  0, -ENOMEM,
 * or -ENOSPC when there are too many: then it is counted as a problem and nothing else.
 * Names and texts are copied, cut to their limits, and made valid UTF-8 without control
 * characters.
 */
int suite_add(struct suite_run *s, const char *name, size_t n, enum test_status status,
	      struct test_result **ret) _must_check_;
/* As suite_add(), but a test of that name is there once: then this is another attempt of
 * it, and the worst status counts.  Not together with suite_adopt(). */
int suite_again(struct suite_run *s, const char *name, size_t n, enum test_status status,
		struct test_result **ret) _must_check_;
/* The test of that name that suite_again() added, or NULL. */
struct test_result *suite_find(struct suite_run *s, const char *name);
int suite_set_text(struct test_result *t, const char *fmt, ...) _must_check_
	_printf_(2, 3);
/* The last SUITE_OUTPUT bytes of data. */
int suite_set_output(struct suite_run *s, struct test_result *t, const void *data,
		     size_t n) _must_check_;
/* The tests from `first` on that are at the top become children of test `parent`, and
 * their names begin with its name. */
int suite_adopt(struct suite_run *s, size_t first, size_t parent) _must_check_;
int suite_problem(struct suite_run *s, uint64_t line, bool error, const char *fmt,
		  ...) _must_check_ _printf_(4, 5);

/*
 * Judge the groups by their children, and set `counted`: a group that says it is well and
 * has a bad child is FAIL, with the contradiction as its text.  Once all are added, and
 * again after statuses were changed.
 */
int suite_settle(struct suite_run *s) _must_check_;
void suite_count(const struct suite_run *s, struct suite_counts *ret);
/*
 * FAIL: a test failed.  ERROR: one did not end, one is missing, or the output cannot be
 * believed or has no result.  SKIP: none ran.  PASS: those that ran are as they should
 * be.
 */
enum test_status suite_verdict(const struct suite_run *s);
/* The suite as the event "results" of --json has it. */
json_t *suite_json(const struct suite_run *s);

#endif
