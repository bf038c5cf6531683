// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KTAP version 1: a test for each board, below it one for each phase and each test suite.
 * Read back, it gives the same results.
 */
#include <string.h>

#include "controller/report/report.h"
#include "proto/text.h"

/* A description has no '#' and no line break, and does not begin with a blank. */
static int name_out(struct buf *out, const char *name)
{
	int r = 0;

	name += strspn(name, " -");
	for (; *name && r == 0; name++) {
		char c = *name == '#' || *name == '\n' ? '_' : *name;

		r = buf_append(out, &c, 1);
	}
	return r;
}

static const char *directive_of(enum test_status status)
{
	switch (status) {
	case TEST_SKIP:
		return "SKIP";
	case TEST_ERROR:
	case TEST_MISS:
		return "ERROR";
	case TEST_XFAIL:
		return "XFAIL";
	case TEST_XPASS:
		return "XPASS";
	default:
		return NULL;
	}
}

static int line(struct buf *out, int indent, size_t number, enum test_status status,
		const char *name, const char *text)
{
	bool ok = !test_status_is_bad(status) && status != TEST_XFAIL;
	const char *directive = directive_of(status);
	int r = buf_printf(out, "%*s%s %zu ", indent, "", ok ? "ok" : "not ok", number);

	if (r == 0)
		r = name_out(out, name);
	if (r == 0 && (directive || (text && *text)))
		r = buf_printf(out, " # %s%s", directive ? directive : "",
			       directive && text && *text ? " " : "");
	if (r == 0 && text && *text)
		r = name_out(out, text);
	return r < 0 ? r : buf_printf(out, "\n");
}

static int begin(struct buf *out, int indent, const char *name, size_t tests)
{
	int r = buf_printf(out, "%*sKTAP version 1\n", indent, "");

	if (r == 0 && name) {
		r = buf_printf(out, "%*s# Subtest: ", indent, "");
		if (r == 0)
			r = name_out(out, name);
		if (r == 0)
			r = buf_printf(out, "\n");
	}
	return r < 0 ? r : buf_printf(out, "%*s1..%zu\n", indent, "", tests);
}

/* The lines of a text as comments. */
static int comments(struct buf *out, int indent, const char *text)
{
	int r = 0;

	while (text && *text && r == 0) {
		size_t n = strcspn(text, "\n");

		r = buf_printf(out, "%*s# %.*s\n", indent, "", (int)n, text);
		text += n + (text[n] == '\n');
	}
	return r;
}

/* Flat: a test's name is its whole path. */
static int suite_out(struct buf *out, int indent, const struct suite_run *s)
{
	size_t tests = 0, number = 0;
	struct suite_counts c;
	bool broken;
	int r;

	suite_count(s, &c);
	broken = c.errors > 0 || c.all == 0;
	for (size_t i = 0; i < s->n; i++)
		tests += s->tests[i].counted;
	r = begin(out, indent, s->name ? s->name : s->format, tests + broken);
	for (size_t i = 0; r == 0 && i < s->n; i++) {
		const struct test_result *t = &s->tests[i];

		if (!t->counted)
			continue;
		r = comments(out, indent, t->output);
		if (r == 0)
			r = line(out, indent, ++number, t->status, t->name, t->text);
	}
	for (size_t i = 0; r == 0 && i < s->n_problems; i++)
		r = comments(out, indent, s->problems[i].text);
	if (r == 0 && broken)
		r = line(out, indent, ++number, TEST_ERROR, "output of the suite",
			 "it contradicts itself, or is not whole");
	return r;
}

/* What a suite or a board comes to as one result. */
static enum test_status worse(enum test_status a, enum test_status b)
{
	if (a == TEST_FAIL || b == TEST_FAIL)
		return TEST_FAIL;
	return a == TEST_PASS ? b : a;
}

static int run_out(struct buf *out, int indent, const struct report_run *run,
		   enum test_status *ret)
{
	size_t number = 0;
	int r = begin(out, indent, run->board, run->n_phases + run->n_suites);

	*ret = TEST_PASS;
	for (size_t i = 0; r == 0 && i < run->n_phases; i++) {
		const struct report_phase *p = &run->phase[i];

		r = line(out, indent, ++number, p->status, p->name,
			 report_phase_text(run, p));
		if (p->status != TEST_MISS || p->tells)
			*ret = worse(*ret, p->status);
	}
	for (size_t i = 0; r == 0 && i < run->n_suites; i++) {
		const struct suite_run *s = run->suites[i];
		enum test_status status = suite_verdict(s);

		r = suite_out(out, indent + 4, s);
		if (r == 0)
			r = line(out, indent, ++number, status,
				 s->name ? s->name : s->format, NULL);
		*ret = worse(*ret, status == TEST_SKIP ? TEST_PASS : status);
	}
	return r;
}

int report_ktap(const struct report *r, struct buf *out)
{
	int rc;

	/* Suites of no board stand at the top. */
	if (r->n == 1 && !r->runs[0].board) {
		enum test_status status;

		return run_out(out, 0, &r->runs[0], &status);
	}
	rc = begin(out, 0, NULL, r->n);
	for (size_t i = 0; rc == 0 && i < r->n; i++) {
		const struct report_run *run = &r->runs[i];
		enum test_status status;

		rc = run_out(out, 4, run, &status);
		if (rc == 0 && run->board)
			rc = line(out, 0, i + 1, status, run->board, run->text);
	}
	return rc;
}
