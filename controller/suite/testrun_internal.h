/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What testrun.c (all suites), testsuite.c (one), testdrive.c (one attempt) and
 * testboard.c (what became of the board) share. */
#ifndef KF_TESTRUN_INTERNAL_H
#define KF_TESTRUN_INTERNAL_H

#include "controller/suite/attempt.h"
#include "controller/suite/testrun.h"
#include "controller/suite/watch.h"

struct testrun {
	struct deploy *d;
	const struct testplan *plan;
	struct ui *ui;
	char boot_id[BOOT_ID_SIZE]; /* that is tested */
	struct findings *before;    /* the kernel's, when it began */
	struct classifier *live;    /* since then */
	struct classifier *dead;    /* of the boot that died, all of it; or NULL */
	struct watch watch;
	json_t *suites;	    /* result.json's */
	bool died, stopped; /* nothing more can be run */
	char why[512];	    /* died, stopped: of what */
	int reason;	    /* stopped: as an error */
	struct kf_error failed,
		broken; /* the first suite that did not pass; no code: none */
	struct suite_counts sum;
	size_t flaky;
};

static inline bool testrun_is_over(const struct testrun *t)
{
	return t->died || t->stopped || !t->d->client;
}

/* One suite. */
struct testsuite {
	struct testrun *t;
	const struct testitem *it;
	size_t number; /* from 1 */
	char *dir;     /* in the run: "suites/1-kselftest" */
	char *from;    /* the directory that is pushed; NULL: none */
	char *place;   /* on the board; NULL: nothing of it is there */
	struct suitefile_values values;
	char limit[24];
	struct suite_run sum; /* all attempts */
	bool has_sum;
	json_t *attempts, *findings;
	struct attempt_finding *blame; /* what it fails for */
	size_t n_blame;
	int64_t began;
};

/* Run one and record it.  A negative errno ends all of it (err has why): no memory. */
int testsuite_run(struct testrun *t, const struct testitem *it, size_t number,
		  struct kf_error *err) _must_check_;
/* All before its first test: does the board lack a program that the suite needs, put its
 * files there (says the step), are the programs that are needed of them there? */
int testaround_prepare(struct testsuite *s, struct kf_error *err) _must_check_;
/* Fetch results.fetch, clean up.  What goes wrong is told and changes no result, but for
 * a board that is lost by it: then testrun_is_over(). */
void testaround_finish(struct testsuite *s);
/* Record one that cannot be run any more. */
int testsuite_miss(struct testrun *t, const struct testitem *it, size_t number,
		   struct kf_error *err) _must_check_;

/* One attempt: words on the board, until it has ended somehow; *ret_end's text is t->why
 * or a constant. */
int testdrive(struct testsuite *s, char *const words[], unsigned number,
	      struct attempt *a, struct attempt_end *ret_end,
	      struct kf_error *err) _must_check_;
/* Words behind a change of directory and settings, with one stream for both outputs: one
 * block for free(). */
int testdrive_words(struct testsuite *s, char *const words[], char ***ret) _must_check_;

/* The connection is lost: t->died or t->stopped is set, and t->why.  d->client is a new
 * one, or NULL. */
void testboard_find_out(struct testrun *t, const char *lost);
/* May the error be the board's death? */
bool testboard_may_be_lost(const struct kf_error *err);
/* Somebody ends all of it: t->stopped. */
void testboard_interrupted(struct testrun *t);

#endif
