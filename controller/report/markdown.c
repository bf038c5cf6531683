// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A summary in GitHub's Markdown: the boards in a table, then what did not pass.  Text
 * from outside is one line in a cell, and nothing in it is markup.
 */
#include <string.h>

#include "controller/report/report.h"
#include "proto/text.h"

#define CELL	  300 /* bytes of text in a cell */
#define ROWS	  200 /* of a table; GitHub takes 1 MiB of summary */
#define NAME_CELL (SUITE_NAME + 8)

/* Where the last whole character before n ends. */
static size_t whole(const char *s, size_t n)
{
	while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
		n--;
	return n;
}

int report_markdown_cell(struct buf *out, const char *text, size_t max)
{
	size_t n = strlen(text);
	bool cut = n > max;
	int r = 0;

	if (cut)
		n = whole(text, max);
	for (size_t i = 0; r == 0 && i < n; i++) {
		char c = text[i];

		if (strchr("\n\r\t", c))
			r = buf_append(out, " ", 1);
		else if (strchr("<>&|@#`*_[]~\\$", c) && c)
			r = buf_printf(out, "&#%d;", c);
		else
			r = buf_append(out, &c, 1);
	}
	return r == 0 && cut ? buf_printf(out, "…") : r;
}

static int boards(const struct report *r, struct buf *out)
{
	int rc = buf_printf(out, "| Board | Verdict | Kernel | Took | What |\n"
				 "|---|---|---|---:|---|\n");

	for (size_t i = 0; rc == 0 && i < r->n && i < ROWS; i++) {
		const struct report_run *run = &r->runs[i];
		_buf_ struct buf kernel = BUF_INIT;
		char took[16] = "";

		if (run->took_ms >= 0)
			text_duration(run->took_ms, took);
		rc = report_kernel_text(run, &kernel);
		if (rc == 0)
			rc = buf_append(out, "| ", 2);
		if (rc == 0)
			rc = report_markdown_cell(out, run->board, CELL);
		if (rc == 0)
			rc = buf_printf(out, " | %s | ",
					*run->verdict ? run->verdict : "-");
		if (rc == 0 && buf_len(&kernel))
			rc = report_markdown_cell(out, buf_str(&kernel), CELL);
		if (rc == 0)
			rc = buf_printf(out, " | %s | ", took);
		if (rc == 0)
			rc = report_markdown_cell(out, run->text, CELL);
		if (rc == 0)
			rc = buf_printf(out, " |\n");
	}
	if (rc == 0 && r->n > ROWS)
		rc = buf_printf(out, "\nand %zu more boards\n", r->n - ROWS);
	return rc;
}

static int findings(const struct report_run *run, struct buf *out)
{
	int rc = 0;

	if (run->n_findings == 0)
		return 0;
	rc = buf_printf(out, "\n**Findings in the kernel log of ");
	if (rc == 0)
		rc = report_markdown_cell(out, run->board ? run->board : "", CELL);
	if (rc == 0)
		rc = buf_printf(out, "**\n\n| Severity | Class | What | Times |\n"
				     "|---|---|---|---:|\n");
	for (size_t i = 0; rc == 0 && i < run->n_findings && i < ROWS; i++) {
		const struct report_finding *f = &run->findings[i];

		rc = buf_printf(out, "| ");
		if (rc == 0)
			rc = report_markdown_cell(out, f->severity, CELL);
		if (rc == 0)
			rc = buf_printf(out, " | ");
		if (rc == 0)
			rc = report_markdown_cell(out, f->class_name, CELL);
		if (rc == 0)
			rc = buf_printf(out, " | ");
		if (rc == 0)
			rc = report_markdown_cell(out, f->title, CELL);
		if (rc == 0)
			rc = buf_printf(out, " | %d |\n", f->count);
	}
	return rc;
}

static int suite_line(const struct report_run *run, const struct suite_run *s,
		      struct buf *out)
{
	struct suite_counts c;
	int rc;

	suite_count(s, &c);
	rc = buf_printf(out, "\n**");
	if (rc == 0 && run->board)
		rc = report_markdown_cell(out, run->board, CELL);
	if (rc == 0 && run->board)
		rc = buf_printf(out, ", ");
	if (rc == 0)
		rc = report_markdown_cell(out, s->name ? s->name : s->format, CELL);
	if (rc == 0)
		rc = buf_printf(out, "**: %s", test_status_name(suite_verdict(s)));
	for (size_t i = 0; rc == 0 && i < TEST_STATUSES; i++) {
		if (c.of[i] > 0)
			rc = buf_printf(out, ", %llu %s", (unsigned long long)c.of[i],
					test_status_name((enum test_status)i));
	}
	return rc < 0 ? rc : buf_printf(out, "\n");
}

static bool is_told(const struct test_result *t)
{
	return t->counted &&
	       (test_status_is_bad(t->status) || t->flaky || t->status == TEST_XPASS);
}

static int suite_table(const struct suite_run *s, struct buf *out)
{
	size_t rows = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->n; i++) {
		const struct test_result *t = &s->tests[i];

		if (!is_told(t) || rows++ >= ROWS)
			continue;
		if (rows == 1)
			rc = buf_printf(out,
					"\n| Status | Test | Why |\n|---|---|---|\n");
		if (rc == 0)
			rc = buf_printf(out, "| %s | ", test_status_name(t->status));
		if (rc == 0)
			rc = report_markdown_cell(out, t->name, NAME_CELL);
		if (rc == 0)
			rc = buf_printf(out, " | ");
		if (rc == 0)
			rc = report_markdown_cell(out, t->text ? t->text : "", CELL);
		if (rc == 0)
			rc = buf_printf(out, " |\n");
	}
	if (rc == 0 && rows > ROWS)
		rc = buf_printf(out, "\nand %zu more\n", rows - ROWS);
	for (size_t i = 0; rc == 0 && i < s->n_problems; i++) {
		rc = buf_printf(out, "\n- ");
		if (rc == 0)
			rc = report_markdown_cell(out, s->problems[i].text, CELL);
		if (rc == 0)
			rc = buf_printf(out, "\n");
	}
	return rc;
}

int report_markdown(const struct report *r, struct buf *out)
{
	int rc = buf_printf(out, "### kferry\n\n");

	if (rc == 0 && r->n > 0 && r->runs[0].board)
		rc = boards(r, out);
	for (size_t i = 0; rc == 0 && i < r->n && i < ROWS; i++) {
		const struct report_run *run = &r->runs[i];

		rc = findings(run, out);
		for (size_t k = 0; rc == 0 && k < run->n_suites; k++) {
			rc = suite_line(run, run->suites[k], out);
			if (rc == 0)
				rc = suite_table(run->suites[k], out);
		}
	}
	return rc < 0 ? rc : buf_printf(out, "\n");
}
