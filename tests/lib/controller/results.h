/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Test results as text, for tests: one line a result, then one a problem. */
#ifndef KF_TEST_RESULTS_H
#define KF_TEST_RESULTS_H

#include "controller/results/reader.h"

/*
 *	PASS name
 *	+FAIL name x3: text      '+': a group, '-': a group that is not counted
 *	! problem                '?': one that is no error
 *	= VERDICT, cut in name
 */
char *results_text(const struct suite_run *s);
/* Output to that text, read whole and byte by byte, which must agree. */
char *results_read(enum reader_format format, const char *output);
void results_check(enum reader_format format, const char *output, const char *expected);

#endif
