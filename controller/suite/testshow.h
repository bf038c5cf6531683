/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Results of test suites as a person reads them. */
#ifndef KF_TESTSHOW_H
#define KF_TESTSHOW_H

#include "controller/results/suite.h"
#include "controller/ui/ui.h"

/* "12 passed, 1 failed, 2 skipped", appended. */
int testshow_counts(const struct suite_run *s, struct buf *out) _must_check_;
/* The tests that somebody should look at (all with -v), and what is wrong with the
 * output. */
void testshow_tests(struct ui *ui, const struct suite_run *s);

#endif
