// SPDX-License-Identifier: GPL-2.0-or-later
/* Lines of a trace as kernels write them, and what a view makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "controller/tracing/traceline.h"
#include "controller/tracing/tracelist.h"
#include "controller/tracing/traceview.h"
#include "proto/limits.h"

static bool parse(const char *line, struct traceline *ret)
{
	return traceline_parse(line, strlen(line), ret);
}

static void is(struct traceword w, const char *text)
{
	assert_int_equal(w.n, strlen(text));
	assert_memory_equal(w.s, text, w.n);
}

static void an_event(void **state)
{
	struct traceline t;

	(void)state;
	assert_true(parse("            bash-1234    [003] d..2.  1234.567890: "
			  "sched_switch: prev_comm=bash prev_pid=1234",
			  &t));
	is(t.task, "bash");
	assert_int_equal(t.pid, 1234);
	assert_int_equal(t.cpu, 3);
	is(t.flags, "d..2.");
	assert_int_equal(t.usec, 1234567890);
	is(t.event, "sched_switch");
	is(t.text, "sched_switch: prev_comm=bash prev_pid=1234");
}

static void a_function_and_a_task_with_anything_in_its_name(void **state)
{
	struct traceline t;

	(void)state;
	assert_true(parse("          <idle>-0       [000] ..s1.     0.000001: "
			  "tick_nohz_irq_exit <-irq_exit_rcu",
			  &t));
	is(t.task, "<idle>");
	assert_int_equal(t.event.n, 0);
	is(t.text, "tick_nohz_irq_exit <-irq_exit_rcu");
	assert_int_equal(t.usec, 1);
	assert_true(parse("    a [1] b-2 c-77  [001] 5.000000: x: y", &t));
	is(t.task, "a [1] b-2 c");
	assert_int_equal(t.pid, 77);
	assert_int_equal(t.flags.n, 0);
}

static void a_group_of_threads_may_stand_between(void **state)
{
	struct traceline t;

	(void)state;
	assert_true(parse("  kworker/0:1-9  (    9) [002] ....  7.000123: ev: ", &t));
	is(t.task, "kworker/0:1");
	assert_int_equal(t.pid, 9);
	assert_int_equal(t.cpu, 2);
	assert_true(parse("  x-10  (-------) [002] ....  7.000123: ev: ", &t));
	assert_int_equal(t.pid, 10);
}

static void other_lines_are_none(void **state)
{
	static const char *const lines[] = {
		"",
		"# tracer: nop",
		" 0)   0.345 us    |  mutex_unlock();",
		"CPU:1 [LOST 12 EVENTS]",
		"bash-1 [000] d.. 12: ev: x",
		"bash-1 [000] d.. 1.23: ev: x",
		"bash-1 [000] d.. 99999999999999999999.000000: ev: x",
		"bash-99999999999 [000] d.. 1.000000: ev: x",
		"bash [000] d.. 1.000000: ev: x",
		"-1 [000] d.. 1.000000: ev: x",
		"bash-1 [9999999999] d.. 1.000000: ev: x",
		"bash-1 [000]",
		"bash-1 [",
	};
	struct traceline t;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (parse(lines[i], &t))
			fail_msg("taken: %s", lines[i]);
}

static void what_was_lost_is_counted(void **state)
{
	uint64_t n;

	(void)state;
	assert_true(traceline_lost("CPU:12 [LOST 4243 EVENTS]", 25, &n));
	assert_int_equal(n, 4243);
	assert_true(traceline_lost("CPU:0 [LOST EVENTS]", 19, &n));
	assert_int_equal(n, 0);
	assert_false(traceline_lost("CPU:0 [LOS", 10, &n));
	assert_false(traceline_lost("CPU:x [LOST 1 EVENTS]", 21, &n));
}

static void a_list_is_searched_by_system_event_and_name(void **state)
{
	static const char event[] = "sched:sched_switch", fn[] = "ext4_map [ext4]";

	(void)state;
	assert_true(tracelist_fits(event, strlen(event), "sched"));
	assert_true(tracelist_fits(event, strlen(event), "sched:*"));
	assert_true(tracelist_fits(event, strlen(event), "*_switch"));
	assert_false(tracelist_fits(event, strlen(event), "switch"));
	assert_true(tracelist_fits(fn, strlen(fn), "ext4_*"));
	assert_true(tracelist_fits(fn, strlen(fn), "ext4_map"));
	assert_false(tracelist_fits(fn, strlen(fn), "ext4"));
}

struct viewed {
	struct ui *ui;
	struct traceview v;
};

static void begin(struct viewed *w)
{
	assert_int_equal(ui_new(&(struct ui_opts){.quiet = true}, &w->ui), 0);
	w->v = (struct traceview){.ui = w->ui, .fd = memfd_create("trace", 0)};
	assert_true(w->v.fd >= 0);
}

static void end(struct viewed *w, const char *want)
{
	char text[256] = "";
	struct kf_error err = {0};

	assert_int_equal(traceview_end(&w->v, &err), 0);
	assert_true(pread(w->v.fd, text, sizeof(text) - 1, 0) >= 0);
	assert_string_equal(text, want);
	close(w->v.fd);
	traceview_fini(&w->v);
	ui_free(w->ui);
}

static void a_file_has_lost_events_as_comments(void **state)
{
	static const char text[] = "# tracer: nop\n#\n a-1 [000] ... 1.000000: x: y\n"
				   "CPU:1 [LOST 7 EVENTS]\n a-1 [000] ... 1.000001: z:";
	struct kf_error err = {0};
	struct viewed w;

	(void)state;
	begin(&w);
	/* However it is cut. */
	for (size_t i = 0; i < strlen(text); i++)
		assert_int_equal(traceview_take(&w.v, text + i, 1, &err), 0);
	assert_int_equal(w.v.events, 1);
	assert_int_equal(w.v.lost, 7);
	end(&w, "# tracer: nop\n#\n a-1 [000] ... 1.000000: x: y\n"
		"# CPU:1 [LOST 7 EVENTS]\n a-1 [000] ... 1.000001: z:\n");
	assert_int_equal(w.v.events, 2);
}

static void a_line_without_an_end_is_cut(void **state)
{
	struct kf_error err = {0};
	struct viewed w;
	char piece[1024];

	(void)state;
	begin(&w);
	memset(piece, 'x', sizeof(piece));
	for (size_t i = 0; i < 4 * LIMIT_TRACE_LINE / sizeof(piece); i++)
		assert_int_equal(traceview_take(&w.v, piece, sizeof(piece), &err), 0);
	assert_int_equal(w.v.events, 4);
	assert_true(buf_len(&w.v.line) < LIMIT_TRACE_LINE);
	close(w.v.fd);
	traceview_fini(&w.v);
	ui_free(w.ui);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event),
		cmocka_unit_test(a_function_and_a_task_with_anything_in_its_name),
		cmocka_unit_test(a_group_of_threads_may_stand_between),
		cmocka_unit_test(other_lines_are_none),
		cmocka_unit_test(what_was_lost_is_counted),
		cmocka_unit_test(a_list_is_searched_by_system_event_and_name),
		cmocka_unit_test(a_file_has_lost_events_as_comments),
		cmocka_unit_test(a_line_without_an_end_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
