// SPDX-License-Identifier: GPL-2.0-or-later
/* What is written where for a trace, what the kernel's refusals become, and the words
 * that it comes from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/tracing/traceargs.h"
#include "agent/tracing/tracefs.h"
#include "agent/tracing/traceset.h"
#include "proto/limits.h"
#include "proto/reason.h"
#include "tests/unit/agent/faketrace.h"

static int apply(struct faketrace *f, const struct traceset *t, struct kf_error *err)
{
	faketrace_make(f);
	return traceset_apply(t, f->dir, 4711, err);
}

static void events_and_filters_are_set(void **state)
{
	struct traceset_event events[] = {
		{"sched", "sched_switch", "prev_prio < 100"},
		{"irq", NULL, NULL},
		{"sched", "sched_w*", NULL},
	};
	const struct traceset t = {.events = events, .n_events = 3, .buffer_kib = 64};
	struct kf_error err = {0};
	struct faketrace f;

	(void)state;
	assert_int_equal(apply(&f, &t, &err), 0);
	faketrace_is(&f, "tracing_on", "0");
	faketrace_is(&f, "buffer_size_kb", "64");
	faketrace_is(&f, "events/sched/sched_switch/filter", "prev_prio < 100");
	faketrace_is(&f, "events/sched/sched_switch/enable", "1");
	faketrace_is(&f, "events/irq/enable", "1");
	faketrace_is(&f, "events/irq/filter", "");
	faketrace_is(&f, "set_event", "sched:sched_w*");
	faketrace_is(&f, "set_event_notrace_pid", "4711");
	faketrace_is(&f, "set_ftrace_notrace_pid", "4711");
	faketrace_is(&f, "current_tracer", "nop\n");
	faketrace_remove(&f);
}

static void a_tracer_and_its_functions_are_set(void **state)
{
	const char *functions[] = {"ext4_*", "foo"};
	const struct traceset t = {
		.tracer = "irqsoff", .functions = functions, .n_functions = 2};
	struct kf_error err = {0};
	struct faketrace f;

	(void)state;
	assert_int_equal(apply(&f, &t, &err), 0);
	faketrace_is(&f, "current_tracer", "irqsoff");
	/* With its end, or the kernel would not say that a function is none. */
	faketrace_is(&f, "set_ftrace_filter", "ext4_*\nfoo\n");
	faketrace_is(&f, "buffer_size_kb", "7 (expanded: 1408)\n");
	faketrace_remove(&f);
}

static void refused(const struct traceset *t, int reason, const char *text)
{
	struct kf_error err = {0};
	struct faketrace f;

	assert_true(apply(&f, t, &err) < 0);
	assert_int_equal(err.reason, reason);
	if (!strstr(err.msg, text))
		fail_msg("%s", err.msg);
	faketrace_remove(&f);
}

static void what_is_not_there_is_named(void **state)
{
	struct traceset_event system = {"nosuch", NULL, NULL};
	struct traceset_event event = {"sched", "nosuch", "x == 1"};
	const char *function = "foo";

	(void)state;
	refused(&(struct traceset){.events = &system, .n_events = 1}, KF_REASON_NOT_FOUND,
		"no system of events nosuch");
	refused(&(struct traceset){.events = &event, .n_events = 1}, KF_REASON_NOT_FOUND,
		"no event sched:nosuch");
	refused(&(struct traceset){.tracer = "function",
				   .functions = &function,
				   .n_functions = 1},
		KF_REASON_NOT_FOUND,
		"no tracer function; it has blk function_graph irqsoff nop");
	/* A part of a word is none. */
	refused(&(struct traceset){.tracer = "graph"}, KF_REASON_NOT_FOUND, "no tracer");
}

static void said(const char *log, const char *want)
{
	char dst[400];

	tracefs_read_said(log, dst, sizeof(dst));
	assert_string_equal(dst, want);
}

static void the_kernels_word_is_one_line(void **state)
{
	(void)state;
	said("[  257.123] event filter parse error: error: Field not found\n"
	     "  Command: foo == 1\n"
	     "           ^\n",
	     "Field not found, at character 1 of \"foo == 1\"");
	said("[ 1.0] event filter parse error: error: Old one\n"
	     "  Command: a\n"
	     "           ^\n"
	     "[ 2.0] event filter parse error: error: Invalid operator\n"
	     "  Command: prio >> 1\n"
	     "                ^\n",
	     "Invalid operator, at character 6 of \"prio >> 1\"");
	said("prio == x\n        ^\nparse_error: Invalid value (did you forget "
	     "quotes)?\n",
	     "Invalid value (did you forget quotes)?, at character 9 of \"prio == x\"");
	said("[ 1.0] tracing: error: No\n", "No");
	said("none\n", "");
	said("", "");
	said("^\n", "");
	said("  Command: \n^\n[ 1.0] a: error: x", "x");
}

static void words(int want, const char *text, ...)
{
	struct trace_options o = {.root = ""};
	struct kf_error err = {0};
	char *argv[8] = {NULL}, copy[8][64];
	va_list ap;
	int n = 0, r;

	va_start(ap, text);
	for (const char *s; n < 7 && (s = va_arg(ap, const char *));) {
		snprintf(copy[n], sizeof(copy[n]), "%s", s);
		argv[n] = copy[n];
		n++;
	}
	va_end(ap);
	r = traceargs_parse(n, argv, &o, &err);
	if (r != want || (want < 0 && !strstr(err.msg, text)))
		fail_msg("%d, not %d: %s (%s)", r, want, err.msg, text);
	traceargs_fini(&o);
}

static void words_that_are_no_names_are_refused(void **state)
{
	(void)state;
	words(0, "", "run", "--event=a:b*", "--event=c", "--filter=d == 1", NULL);
	words(0, "", "run", "--tracer=function", "--function=a", "--", "ls", NULL);
	words(-EINVAL, "not told", "run", NULL);
	words(-EINVAL, "no name of a system", "run", "--event=../x", NULL);
	words(-EINVAL, "no name of a system", "run", "--event=a:../x", NULL);
	words(-EINVAL, "no name of a system", "run", "--event=a:b/c", NULL);
	words(-EINVAL, "no name of a system", "run", "--event=a:", NULL);
	words(-EINVAL, "filter of no event", "run", "--filter=a", NULL);
	words(-EINVAL, "filter of no event", "run", "--event=a:*", "--filter=a", NULL);
	words(-EINVAL, "no filter", "run", "--event=a", "--filter=a\nb", NULL);
	words(-EINVAL, "no function", "run", "--tracer=x", "--function=a b", NULL);
	words(-EINVAL, "without a tracer", "run", "--event=a", "--function=f", NULL);
	words(-EINVAL, "no name of a tracer", "run", "--tracer=a/b", NULL);
	words(-EINVAL, "no size", "run", "--event=a", "--buffer=0", NULL);
	words(-EINVAL, "no size", "run", "--event=a", "--buffer=1048577", NULL);
	words(0, "", "run", "--event=a", "--buffer=1048576", NULL);
	words(-EINVAL, "not as it should be", "run", "--evil", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_and_filters_are_set),
		cmocka_unit_test(a_tracer_and_its_functions_are_set),
		cmocka_unit_test(what_is_not_there_is_named),
		cmocka_unit_test(the_kernels_word_is_one_line),
		cmocka_unit_test(words_that_are_no_names_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
