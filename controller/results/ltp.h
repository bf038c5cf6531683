/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What LTP prints: the blocks of runltp (<<<test_start>>> ...), the table of its -l file
 * (Testcase, Result, Exit Value), the lines of kirk ("abs01: pass  (0.003s)"), or one
 * test program by itself ("abort01.c:62: TPASS: ...").  An engine without I/O.
 *
 * A test that says TPASS and TFAIL has failed.  One without any of TPASS, TFAIL, TBROK,
 * TCONF is ERROR, whatever its exit status; so is one whose summary contradicts its
 * lines.  The same test again is another attempt; the worst counts.
 */
#ifndef KF_LTP_H
#define KF_LTP_H

#include "controller/results/lines.h"
#include "controller/results/suite.h"

/* What the lines, or the summary, of one test say. */
struct ltp_counts {
	uint64_t pass, fail, broken, conf, warn;
};

struct ltp {
	struct suite_run *suite;
	struct lines lines;
	bool sure;     /* a line was seen that only LTP prints */
	bool in_test;  /* between test_start and test_end, or of one program */
	bool alone;    /* one program without a runner */
	bool in_table; /* of runltp -l */
	bool in_summary;
	bool has_summary;
	char name[SUITE_NAME + 1];
	struct ltp_counts lines_say, summary_says;
	int64_t took_ms;
	char why[SUITE_TEXT];	   /* it was ended by a signal or a timeout; or "" */
	char kirk[SUITE_NAME + 1]; /* named by kirk, its result outstanding; or "" */
	struct buf output;
};

void ltp_init(struct ltp *l, struct suite_run *suite);
void ltp_fini(struct ltp *l);
int ltp_feed(struct ltp *l, const void *data, size_t n) _must_check_;
int ltp_end(struct ltp *l) _must_check_;

#endif
