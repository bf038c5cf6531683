// SPDX-License-Identifier: GPL-2.0-or-later
/* kworkflow's grammar of traces: what it means, and where it is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/tracing/tracespec.h"
#include "controller/tracing/tracewords.h"
#include "proto/base/buf.h"
#include "proto/reason.h"

static void check_event(const struct tracespec *s, size_t i, const char *system,
			const char *event, const char *filter)
{
	assert_true(i < s->n_events);
	assert_string_equal(s->events[i].system, system);
	if (event)
		assert_string_equal(s->events[i].event, event);
	else
		assert_null(s->events[i].event);
	if (filter)
		assert_string_equal(s->events[i].filter, filter);
	else
		assert_null(s->events[i].filter);
}

static void events_of_several_systems(void **state)
{
	_tracespec_ struct tracespec s = {0};
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(tracespec_events("sched:sched_switch[prev_prio < 100],"
					  "sched_wakeup;amdgpu_dm; irq[irq==1]",
					  &s, &err),
			 0);
	assert_int_equal(s.n_events, 4);
	check_event(&s, 0, "sched", "sched_switch", "prev_prio < 100");
	check_event(&s, 1, "sched", "sched_wakeup", NULL);
	check_event(&s, 2, "amdgpu_dm", NULL, NULL);
	check_event(&s, 3, "irq", NULL, "irq==1");
}

static void blanks_between_words_mean_nothing(void **state)
{
	_tracespec_ struct tracespec s = {0};
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(tracespec_events("  a : b [ c == 1 ] , d ;\te  ", &s, &err), 0);
	assert_int_equal(s.n_events, 3);
	check_event(&s, 0, "a", "b", "c == 1");
	check_event(&s, 1, "a", "d", NULL);
	check_event(&s, 2, "e", NULL, NULL);
}

static void a_filter_may_have_brackets_and_separators_in_its_strings(void **state)
{
	_tracespec_ struct tracespec s = {0};
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(
		tracespec_events("a:b[comm ~ \"[xy];,*\" && d == ':]'],c", &s, &err), 0);
	assert_int_equal(s.n_events, 2);
	check_event(&s, 0, "a", "b", "comm ~ \"[xy];,*\" && d == ':]'");
}

static void names_may_be_globs_without_a_filter(void **state)
{
	_tracespec_ struct tracespec s = {0};
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(tracespec_events("ext4:ext4_da_*,ext4_?", &s, &err), 0);
	check_event(&s, 0, "ext4", "ext4_da_*", NULL);
	tracespec_fini(&s);
	assert_int_equal(tracespec_events("ext4:ext4_*[dev==1]", &s, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "cannot have a filter, at character 6"));
}

/* The text, and what is said of it. */
static const char *const wrong_events[][2] = {
	{"", "system of events is missing, at the end"},
	{";", "system of events is missing, at character 1"},
	{"a;", "system of events is missing, at the end"},
	{"a:", "event is missing, at the end"},
	{"a:b,", "event is missing, at the end"},
	{"a:b,,c", "event is missing, at character 5: \",c\""},
	{"a:b[", "no ] at its end, at the end"},
	{"a:b[c==1", "no ] at its end, at character 5: \"c==1\""},
	{"a:b[c==\"]", "quoted string of this filter does not end, at character 5"},
	{"a:b[ ]", "a filter is empty, at character 6"},
	{"a:b[x]]", "expected is one of [ , ; or : before events, at"},
	{"a:b:c", "expected is one of"},
	{"a*:b", "expected is one of"},
	{"../x:y", "begins with a letter, a digit or _"},
	{"a/b", "at character 2: \"/b\""},
	{"a:b,a:b", "expected is one of"},
	{"a:b,b", "named before, at character 5"},
	{"a;a", "named before, at character 3"},
	{"a:b[x\001]", "control character in it, at character 5"},
	{"a b", "at character 3"},
};

static void what_is_wrong_is_told_with_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong_events); i++) {
		struct tracespec s = {0};
		struct kf_error err = {0};

		assert_int_equal(tracespec_events(wrong_events[i][0], &s, &err), -EINVAL);
		assert_int_equal(err.reason, KF_REASON_USAGE);
		if (!strstr(err.msg, wrong_events[i][1]))
			fail_msg("\"%s\": %s", wrong_events[i][0], err.msg);
		assert_int_equal(s.n_events, 0);
	}
}

static void ftrace_is_a_tracer_with_functions(void **state)
{
	_tracespec_ struct tracespec s = {0};
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(
		tracespec_ftrace("function_graph:ext4_*, *:mod:drm,foo", &s, &err), 0);
	assert_string_equal(s.tracer, "function_graph");
	assert_int_equal(s.n_functions, 3);
	assert_string_equal(s.functions[0], "ext4_*");
	assert_string_equal(s.functions[1], "*:mod:drm");
	assert_string_equal(s.functions[2], "foo");
	tracespec_fini(&s);
	assert_int_equal(tracespec_ftrace("irqsoff", &s, &err), 0);
	assert_int_equal(s.n_functions, 0);
}

static const char *const wrong_ftrace[][2] = {
	{"", "tracer is missing, at the end"},
	{":a", "tracer is missing, at character 1"},
	{"function:", "function is missing, at the end"},
	{"function:a,", "function is missing, at the end"},
	{"function:,a", "function is missing, at character 10"},
	{"function a", "expected is a : before functions, at character 10"},
	{"function:a b", "separated by commas, at character 12"},
	{"function:a\nb", "separated by commas"},
	{"function;x", "expected is a :"},
};

static void ftrace_that_is_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong_ftrace); i++) {
		struct tracespec s = {0};
		struct kf_error err = {0};

		assert_int_equal(tracespec_ftrace(wrong_ftrace[i][0], &s, &err), -EINVAL);
		if (!strstr(err.msg, wrong_ftrace[i][1]))
			fail_msg("\"%s\": %s", wrong_ftrace[i][0], err.msg);
		assert_null(s.tracer);
		assert_int_equal(s.n_functions, 0);
	}
}

/* n times "x<i>" and the tail, with commas between; valid until b changes. */
static const char *many(struct buf *b, const char *head, const char *tail, int n)
{
	buf_reset(b);
	assert_int_equal(buf_printf(b, "%s", head), 0);
	for (int i = 0; i < n; i++)
		assert_int_equal(buf_printf(b, "%sx%d%s", i ? "," : "", i, tail), 0);
	return buf_str(b);
}

static void there_are_at_most_64(void **state)
{
	_tracespec_ struct tracespec s = {0};
	struct kf_error err = {0};
	_buf_ struct buf b = BUF_INIT;
	char name[80];

	(void)state;
	assert_int_equal(tracespec_events(many(&b, "a:", "", 64), &s, &err), 0);
	assert_int_equal(s.n_events, 64);
	tracespec_fini(&s);
	assert_int_equal(tracespec_events(many(&b, "a:", "", 65), &s, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "more than 64 events"));
	assert_int_equal(tracespec_ftrace(many(&b, "function:", "", 65), &s, &err),
			 -EINVAL);
	assert_non_null(strstr(err.msg, "more than 64 functions"));
	memset(name, 'n', 65);
	name[65] = '\0';
	assert_int_equal(tracespec_events(name, &s, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "longer than 64 characters"));
	name[64] = '\0';
	assert_int_equal(tracespec_events(name, &s, &err), 0);
}

static void it_becomes_words_for_the_board(void **state)
{
	static const char *const want[] = {
		"run", "--event=a:b", "--filter=c == 1", "--event=d", "--buffer=64", "--",
		"sh",  "-c",	      "ls | wc",
	};
	_tracespec_ struct tracespec s = {0};
	_tracewords_ struct tracewords w = {.n = 0};
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(tracespec_events("a:b[c == 1];d", &s, &err), 0);
	assert_int_equal(tracewords_make(&s, 64, "ls | wc", &w), 0);
	assert_int_equal(w.n, ARRAY_SIZE(want));
	for (size_t i = 0; i < w.n; i++)
		assert_string_equal(w.v[i], want[i]);
	assert_null(w.v[w.n]);
}

static void the_longest_trace_has_room_for_its_words(void **state)
{
	_tracespec_ struct tracespec s = {0};
	_tracewords_ struct tracewords w = {.n = 0};
	struct kf_error err = {0};
	_buf_ struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(
		tracespec_events(many(&b, "a:", "[y==1]", LIMIT_TRACE), &s, &err), 0);
	assert_int_equal(tracewords_make(&s, 1, "true", &w), 0);
	assert_int_equal(w.n, 2 * LIMIT_TRACE + 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_of_several_systems),
		cmocka_unit_test(blanks_between_words_mean_nothing),
		cmocka_unit_test(
			a_filter_may_have_brackets_and_separators_in_its_strings),
		cmocka_unit_test(names_may_be_globs_without_a_filter),
		cmocka_unit_test(what_is_wrong_is_told_with_its_place),
		cmocka_unit_test(ftrace_is_a_tracer_with_functions),
		cmocka_unit_test(ftrace_that_is_wrong),
		cmocka_unit_test(there_are_at_most_64),
		cmocka_unit_test(it_becomes_words_for_the_board),
		cmocka_unit_test(the_longest_trace_has_room_for_its_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
