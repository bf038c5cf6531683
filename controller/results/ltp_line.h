/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of LTP's programs and runners. */
#ifndef KF_LTP_LINE_H
#define KF_LTP_LINE_H

#include "controller/results/ltp.h"

/* "abort01.c:62: TPASS: text", "abort01    1  TPASS  :  text": count it.  name (of
 * SUITE_NAME + 1 bytes) gets the program's, where the line tells it.  false: another
 * line. */
bool ltp_line_result(const char *line, struct ltp_counts *c, char *name);
/* "passed   2" of a summary, added. */
bool ltp_line_summary(const char *line, struct ltp_counts *c);

/* A line of kirk: "abs01: pass  (0.003s)", "abs02: timed out", "abs03: " (it runs). */
struct ltp_kirk {
	const char *name;
	size_t name_n;
	bool runs;
	enum test_status status;
	const char *why; /* NULL: nothing to say */
	int64_t took_ms; /* -1: not known */
};
bool ltp_line_kirk(const char *line, struct ltp_kirk *ret);

/* A row of runltp's -l file: "abort01   PASS   0". */
struct ltp_row {
	const char *name;
	size_t name_n;
	char result[8]; /* as it is written */
	unsigned long exit;
};
bool ltp_line_row(const char *line, struct ltp_row *ret);
/* The number behind "key=", or the text up to a blank; *ret_n 0: it is not there. */
const char *ltp_line_field(const char *line, const char *key, size_t *ret_n);

#endif
