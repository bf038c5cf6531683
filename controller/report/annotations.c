// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Workflow commands of GitHub Actions: "::error file=a.c,line=3,title=...::text", a line
 * each.  GitHub shows ten errors and ten warnings of a step; what is more is counted.
 */
#include <string.h>

#include "controller/report/report.h"
#include "proto/text.h"

#define SHOWN 10
#define TEXT  1024 /* bytes of one */

enum level { LEVEL_ERROR, LEVEL_WARNING, LEVELS };

struct annotations {
	struct buf *out;
	size_t n[LEVELS];
};

/* As GitHub reads it: '%' and line ends in all, ',' and ':' besides in properties. */
static int escape(struct buf *out, const char *s, size_t n, bool is_property)
{
	_buf_ struct buf plain = BUF_INIT;
	const char *p;
	int r = text_escape(&plain, s, n < TEXT ? n : TEXT, true);

	if (r < 0 || !buf_str(&plain))
		return -ENOMEM;
	for (p = buf_str(&plain); r == 0 && *p; p++) {
		if (strchr("%\r\n", *p) || (is_property && strchr(",:", *p)))
			r = buf_printf(out, "%%%02X", (unsigned char)*p);
		else
			r = buf_append(out, p, 1);
	}
	return r;
}

struct annotation {
	enum level level;
	const char *board, *what; /* the title */
	const char *text;
	const char *file;
	size_t file_n;
	int line;
};

static int put(struct annotations *a, const struct annotation *x)
{
	struct buf *out = a->out;
	int r;

	if (a->n[x->level]++ >= SHOWN)
		return 0;
	r = buf_printf(out, "::%s ", x->level == LEVEL_ERROR ? "error" : "warning");
	if (r == 0 && x->file_n > 0) {
		r = buf_printf(out, "file=");
		if (r == 0)
			r = escape(out, x->file, x->file_n, true);
		if (r == 0)
			r = buf_printf(out, ",line=%d,", x->line);
	}
	if (r == 0)
		r = buf_printf(out, "title=");
	if (r == 0 && x->board)
		r = escape(out, x->board, strlen(x->board), true);
	if (r == 0)
		r = buf_printf(out, "%s", x->board ? " " : "");
	if (r == 0)
		r = escape(out, x->what, strlen(x->what), true);
	if (r == 0)
		r = buf_printf(out, "::");
	if (r == 0)
		r = escape(out, x->text, strlen(x->text), false);
	return r < 0 ? r : buf_printf(out, "\n");
}

static int put_finding(struct annotations *a, const struct report_run *run,
		       const struct report_finding *f)
{
	bool error =
		strcmp(f->severity, "fatal") == 0 || strcmp(f->severity, "error") == 0;
	struct annotation x = {.level = error ? LEVEL_ERROR : LEVEL_WARNING,
			       .board = run->board,
			       .what = f->class_name,
			       .text = f->title};

	if (strcmp(f->severity, "info") == 0)
		return 0;
	if (f->file) {
		x.file = f->file;
		x.file_n = strlen(f->file);
		x.line = f->line;
	} else {
		report_source(f->title, &x.file, &x.file_n, &x.line);
	}
	return put(a, &x);
}

static int put_tests(struct annotations *a, const struct report_run *run,
		     const struct suite_run *s)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->n; i++) {
		const struct test_result *t = &s->tests[i];
		struct annotation x = {.level = LEVEL_ERROR,
				       .board = run->board,
				       .what = t->name,
				       .text = t->text ? t->text
						       : test_status_name(t->status)};

		if (!t->counted || (!test_status_is_bad(t->status) && !t->flaky &&
				    t->status != TEST_XPASS))
			continue;
		if (!test_status_is_bad(t->status))
			x.level = LEVEL_WARNING;
		if (t->output)
			report_source(t->output, &x.file, &x.file_n, &x.line);
		r = put(a, &x);
	}
	for (size_t i = 0; r == 0 && i < s->n_problems; i++)
		r = put(a, &(struct annotation){.level = s->problems[i].error
								 ? LEVEL_ERROR
								 : LEVEL_WARNING,
						.board = run->board,
						.what = "output of the test suite",
						.text = s->problems[i].text});
	return r;
}

int report_annotations(const struct report *r, struct buf *out)
{
	struct annotations a = {.out = out};
	size_t more = 0;
	int rc = 0;

	/* Verdicts first: they must be among those that are shown. */
	for (size_t i = 0; rc == 0 && i < r->n; i++) {
		const struct report_run *run = &r->runs[i];

		if (*run->verdict && strcmp(run->verdict, "PASS") != 0)
			rc = put(&a, &(struct annotation){.level = LEVEL_ERROR,
							  .board = run->board,
							  .what = run->verdict,
							  .text = run->text});
	}
	for (size_t i = 0; rc == 0 && i < r->n; i++) {
		const struct report_run *run = &r->runs[i];

		for (size_t k = 0; rc == 0 && k < run->n_findings; k++)
			rc = put_finding(&a, run, &run->findings[k]);
		for (size_t k = 0; rc == 0 && k < run->n_suites; k++)
			rc = put_tests(&a, run, run->suites[k]);
	}
	for (size_t i = 0; i < LEVELS; i++)
		more += a.n[i] > SHOWN ? a.n[i] - SHOWN : 0;
	if (rc == 0 && more > 0)
		rc = buf_printf(
			out, "::notice title=kferry::%zu more are in the report\n", more);
	return rc;
}
