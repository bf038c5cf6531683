// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/suite/testshow.h"

#include "controller/suite/flaky.h"

#define SHOWN 100 /* results that are shown one by one */

int testshow_counts(const struct suite_run *s, struct buf *out)
{
	static const struct {
		enum test_status status;
		const char *word;
	} words[] = {{TEST_PASS, "passed"},
		     {TEST_FAIL, "failed"},
		     {TEST_ERROR, "in error"},
		     {TEST_MISS, "missing"},
		     {TEST_SKIP, "skipped"},
		     {TEST_XFAIL, "failed as expected"},
		     {TEST_XPASS, "passed unexpectedly"}};
	size_t begin = buf_len(out), flaky = flaky_count(s);
	struct suite_counts c;
	int r = 0;

	suite_count(s, &c);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(words); i++) {
		if (c.of[words[i].status] > 0)
			r = buf_printf(out, "%s%llu %s", buf_len(out) > begin ? ", " : "",
				       (unsigned long long)c.of[words[i].status],
				       words[i].word);
	}
	if (r == 0 && buf_len(out) == begin)
		r = buf_printf(out, "no result");
	if (r == 0 && flaky > 0)
		r = buf_printf(out, " (%zu flaky)", flaky);
	return r;
}

static bool is_told(const struct test_result *t, int verbose)
{
	return verbose > 0 || (t->counted && (test_status_is_bad(t->status) || t->flaky ||
					      t->status == TEST_XPASS));
}

static void show_test(struct ui *ui, const struct test_result *t)
{
	bool bad = test_status_is_bad(t->status);

	ui_out_paint(ui,
		     bad	? UI_RED
		     : t->flaky ? UI_YELLOW
				: UI_PLAIN,
		     "  %-5s  %s%s%s\n", test_status_name(t->status), t->name,
		     t->text ? ": " : "", t->text ? t->text : "");
}

void testshow_tests(struct ui *ui, const struct suite_run *s)
{
	size_t shown = 0, more = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (!is_told(&s->tests[i], ui_verbose(ui)))
			continue;
		if (shown < SHOWN || ui_verbose(ui))
			show_test(ui, &s->tests[i]);
		else
			more++;
		shown++;
	}
	if (more > 0)
		ui_out(ui, "         and %zu more; -v shows all\n", more);
	for (size_t i = 0; i < s->n_problems; i++) {
		const struct suite_problem *p = &s->problems[i];

		if (p->line)
			ui_warn(ui, "line %llu: %s", (unsigned long long)p->line,
				p->text);
		else
			ui_warn(ui, "%s", p->text);
	}
	if (suite_verdict(s) == TEST_SKIP)
		ui_warn(ui, "every test was skipped: nothing was tested");
}
