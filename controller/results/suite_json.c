// SPDX-License-Identifier: GPL-2.0-or-later
/* A suite run as JSON; see the event "results" in kferry-json(7). */
#include "controller/results/suite.h"

static json_t *test_json(const struct test_result *t)
{
	json_t *j = json_pack("{s:s, s:s}", "name", t->name, "status",
			      test_status_name(t->status));

	if (t->group)
		json_object_set_new(j, "group", json_true());
	if (t->group && t->counted)
		json_object_set_new(j, "counted", json_true());
	if (t->count > 1)
		json_object_set_new(j, "count", json_integer((json_int_t)t->count));
	if (t->attempts > 1)
		json_object_set_new(j, "attempts", json_integer(t->attempts));
	if (t->flaky)
		json_object_set_new(j, "flaky", json_true());
	if (t->took_ms >= 0)
		json_object_set_new(j, "took_ms", json_integer(t->took_ms));
	if (t->text)
		json_object_set_new(j, "text", json_string(t->text));
	if (t->output)
		json_object_set_new(j, "output", json_string(t->output));
	return j;
}

static json_t *counts_json(const struct suite_run *s)
{
	json_t *j = json_object();
	struct suite_counts c;

	suite_count(s, &c);
	for (size_t i = 0; i < TEST_STATUSES; i++)
		json_object_set_new(j, test_status_name((enum test_status)i),
				    json_integer((json_int_t)c.of[i]));
	return j;
}

json_t *suite_json(const struct suite_run *s)
{
	json_t *tests = json_array(), *problems = json_array();
	json_t *j =
		json_pack("{s:s?, s:s, s:s, s:o, s:o, s:o}", "name", s->name, "format",
			  s->format, "verdict", test_status_name(suite_verdict(s)),
			  "counts", counts_json(s), "tests", tests, "problems", problems);

	for (size_t i = 0; i < s->n; i++)
		json_array_append_new(tests, test_json(&s->tests[i]));
	for (size_t i = 0; i < s->n_problems; i++)
		json_array_append_new(problems, json_pack("{s:I, s:b, s:s}", "line",
							  (json_int_t)s->problems[i].line,
							  "error", s->problems[i].error,
							  "text", s->problems[i].text));
	if (s->more_tests > 0)
		json_object_set_new(j, "more_tests",
				    json_integer((json_int_t)s->more_tests));
	if (s->cut)
		json_object_set_new(j, "cut", json_true());
	if (s->cut && s->running != SUITE_PARENT)
		json_object_set_new(j, "running", json_string(s->tests[s->running].name));
	return j;
}
