/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One attempt at a test suite: what it prints and what the kernel logs meanwhile in, its
 * results out, with the findings of the kernel's log given to the tests that ran.  An
 * engine without I/O.
 *
 * A test runs from the end of the one before it to its own result line.
 */
#ifndef KF_ATTEMPT_H
#define KF_ATTEMPT_H

#include "controller/log/classifier.h"
#include "controller/results/suite.h"
#include "controller/suite/suitefile.h"

struct reader;

enum attempt_how {
	ATTEMPT_EXITED,
	ATTEMPT_TIMED_OUT, /* its limit was up, and it was ended */
	ATTEMPT_DIED,	   /* the kernel did not live through it */
	ATTEMPT_LOST,	   /* the connection; the board runs on */
	ATTEMPT_CANCELLED,
	ATTEMPT_FAILED /* it could not be run, or what it printed not be had */
};

struct attempt_end {
	enum attempt_how how;
	int status;	  /* ATTEMPT_EXITED: exit status, or 128 + signal */
	const char *text; /* of the others: why */
};

struct attempt {
	const char *name, *format;
	int skip_status;
	struct reader *reader;
	struct classifier *classifier; /* the caller's */
	uint64_t first_line;	       /* lines of its source before this attempt */
	uint64_t *ended;	       /* by test: lines that were seen when it ended */
	size_t n_ended, room;
};

/* A finding, and the test that ran then. */
struct attempt_finding {
	char *test; /* NULL: not known, as before the first and after the last */
	char *class_name, *title;
	enum severity severity;
};

/* name: the suite's, alive as long as a.  format: as in a suite file, alive likewise.
 * The classifier stays the caller's, its source is not changed while a lives. */
int attempt_init(struct attempt *a, const char *name, const char *format, int skip_status,
		 struct classifier *c) _must_check_;
void attempt_fini(struct attempt *a);
#define _attempt_ _cleanup_(attempt_fini)

/* What the suite printed. */
int attempt_output(struct attempt *a, const void *data, size_t n) _must_check_;
/* A whole record of /dev/kmsg. */
int attempt_record(struct attempt *a, const char *data, size_t n) _must_check_;
/*
 * It is over: *ret is the caller's.  The test that ran when time was up or the kernel
 * died is FAIL, with end->text; one of a suite that was lost or cancelled is ERROR.
 * What has no result line is as in suite.h.
 */
int attempt_end(struct attempt *a, const struct attempt_end *end, struct suite_run *ret,
		struct kf_error *err) _must_check_;
/* The findings since it began, of what attempt_end() gave.  To be freed by
 * attempt_findings_free(). */
int attempt_findings(const struct attempt *a, const struct suite_run *s,
		     struct attempt_finding **ret, size_t *ret_n) _must_check_;
void attempt_findings_free(struct attempt_finding *f, size_t n);

/* A test (by its path; NULL: none) failed for what the kernel said. */
int attempt_blame(struct suite_run *s, const char *test, const char *fmt,
		  ...) _must_check_ _printf_(3, 4);

#endif
