/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests that ran more than once.  One that has passed in any attempt counts as passed; if
 * it has failed in another it is flaky, and its text tells of each attempt.  What ran
 * when an attempt was cut short, and failures that only one attempt tells, stay.
 */
#ifndef KF_FLAKY_H
#define KF_FLAKY_H

#include "controller/results/suite.h"

/* Is it worth another attempt: did it come to its end, and failed tests of its own? */
bool flaky_may_retry(const struct suite_run *s);
/* The names of the tests that failed, as their suite calls them: a NULL-terminated block
 * for free(). */
int flaky_failed(const struct suite_run *s, char ***ret, size_t *ret_n) _must_check_;
/* s is what all attempts before came to, again what the next one did: s is all of it. */
int flaky_merge(struct suite_run *s, const struct suite_run *again) _must_check_;
/* How many tests are flaky. */
size_t flaky_count(const struct suite_run *s);

#endif
