// SPDX-License-Identifier: GPL-2.0-or-later
/* The top of tracefs: saved and put back, also when its tracer is killed, and switched
 * off. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "agent/tracing/topstate.h"
#include "agent/tracing/traceplace.h"
#include "proto/base/clock.h"
#include "proto/reason.h"
#include "tests/unit/agent/faketrace.h"

#define WAIT_MS 20000

static const struct traceset irqsoff = {.tracer = "irqsoff"};

static void others_settings(struct faketrace *f)
{
	faketrace_make(f);
	faketrace_put(f, "current_tracer", "function_graph\n");
	faketrace_put(f, "set_ftrace_filter", "vfs_read\n");
	faketrace_put(f, "set_ftrace_notrace_pid", "no pid\n");
	faketrace_put(f, "buffer_size_kb", "512\n");
}

static void are_back(const struct faketrace *f)
{
	faketrace_is(f, "current_tracer", "function_graph");
	faketrace_is(f, "set_ftrace_filter", "vfs_read");
	faketrace_is(f, "set_ftrace_notrace_pid", "");
	faketrace_is(f, "buffer_size_kb", "512");
	faketrace_is(f, "tracing_on", "1");
}

static void change(const struct faketrace *f)
{
	faketrace_put(f, "current_tracer", "irqsoff");
	faketrace_put(f, "set_ftrace_filter", "ext4_read");
	faketrace_put(f, "buffer_size_kb", "64");
	faketrace_put(f, "tracing_on", "0");
}

static void what_others_set_is_put_back(void **state)
{
	struct kf_error err = {0};
	struct traceplace p;
	struct faketrace f;

	(void)state;
	others_settings(&f);
	assert_int_equal(traceplace_open(f.root, &irqsoff, &p, &err), 0);
	assert_string_equal(p.instance, "");
	change(&f);
	traceplace_close(&p);
	are_back(&f);
	faketrace_remove(&f);
}

static void a_second_one_waits_its_turn(void **state)
{
	struct kf_error err = {0};
	struct traceplace first, second;
	struct faketrace f;

	(void)state;
	others_settings(&f);
	assert_int_equal(traceplace_open(f.root, &irqsoff, &first, &err), 0);
	assert_true(traceplace_open(f.root, &irqsoff, &second, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_BUSY);
	traceplace_close(&first);
	assert_int_equal(traceplace_open(f.root, &irqsoff, &second, &err), 0);
	traceplace_close(&second);
	faketrace_remove(&f);
}

static bool is_restored(const struct faketrace *f)
{
	_buf_ struct buf b = BUF_INIT;

	return fs_read_file(f->dir, "tracing_on", 64, &b) == 0 && buf_len(&b) == 1 &&
	       *buf_data(&b) == '1';
}

/* As a command is ended whose connection has died. */
static void a_killed_group_leaves_nothing_set(void **state)
{
	deadline_ms end = deadline_in(WAIT_MS);
	struct faketrace f;
	char byte;
	int p[2];
	pid_t pid;

	(void)state;
	others_settings(&f);
	assert_int_equal(pipe(p), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct kf_error err = {0};
		struct traceplace place;

		setsid();
		if (traceplace_open(f.root, &irqsoff, &place, &err) < 0)
			_exit(1);
		change(&f);
		(void)!write(p[1], "x", 1);
		for (;;)
			pause();
	}
	assert_int_equal(read(p[0], &byte, 1), 1);
	assert_false(is_restored(&f));
	kill(-pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	while (!is_restored(&f) && deadline_left(end))
		poll(NULL, 0, 10);
	are_back(&f);
	close(p[0]);
	close(p[1]);
	faketrace_remove(&f);
}

static void leftovers_are_removed_and_what_is_in_use_is_not(void **state)
{
	struct kf_error err = {0};
	struct traceplace p;
	struct faketrace f;

	(void)state;
	others_settings(&f);
	assert_int_equal(fs_mkdirs(f.dir, "instances/kferry-1-0"), 0);
	assert_int_equal(fs_mkdirs(f.dir, "instances/somebody"), 0);
	/* Here an instance gets no files by itself: no tracer in it, so that the top is
	 * used. */
	assert_int_equal(traceplace_open(f.root, &irqsoff, &p, &err), 0);
	assert_false(fs_exists(f.dir, "instances/kferry-1-0"));
	assert_true(fs_exists(f.dir, "instances/somebody"));
	assert_int_equal(traceplace_sweep(p.top), 0);
	traceplace_close(&p);
	faketrace_remove(&f);
}

static void an_instance_is_locked_while_it_is_used(void **state)
{
	struct traceset_event e = {"irq", NULL, NULL};
	const struct traceset t = {.events = &e, .n_events = 1};
	struct kf_error err = {0};
	struct traceplace p;
	struct faketrace f;
	char path[80];

	(void)state;
	faketrace_make(&f);
	assert_int_equal(fs_mkdirs(f.dir, "instances"), 0);
	assert_int_equal(traceplace_open(f.root, &t, &p, &err), 0);
	assert_true(strncmp(p.instance, "kferry-", 7) == 0);
	snprintf(path, sizeof(path), "instances/%s", p.instance);
	assert_int_equal(traceplace_sweep(p.top), 0);
	assert_true(fs_exists(f.dir, path));
	traceplace_close(&p);
	assert_false(fs_exists(f.dir, path));
	faketrace_remove(&f);
}

static void events_need_instances(void **state)
{
	struct traceset_event e = {"irq", NULL, NULL};
	const struct traceset t = {.events = &e, .n_events = 1};
	struct kf_error err = {0};
	struct traceplace p;
	struct faketrace f;

	(void)state;
	faketrace_make(&f);
	assert_true(traceplace_open(f.root, &t, &p, &err) < 0);
	assert_non_null(strstr(err.msg, "no instances"));
	faketrace_remove(&f);
}

/* Which are on there is not kept. */
static void events_are_not_traced_at_the_top(void **state)
{
	struct traceset_event e = {"irq", NULL, NULL};
	const struct traceset t = {.events = &e, .n_events = 1, .tracer = "irqsoff"};
	struct kf_error err = {0};
	struct traceplace p;
	struct faketrace f;

	(void)state;
	others_settings(&f);
	assert_true(traceplace_open(f.root, &t, &p, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_INVALID);
	faketrace_is(&f, "current_tracer", "function_graph\n");
	faketrace_remove(&f);
}

static void commands_of_functions_are_not_set_at_the_top(void **state)
{
	const char *names[] = {"*:mod:ext4", "vfs_read:traceoff"};
	struct traceset t = {.tracer = "irqsoff", .functions = names, .n_functions = 2};
	struct kf_error err = {0};
	struct traceplace p;
	struct faketrace f;

	(void)state;
	others_settings(&f);
	assert_true(traceplace_open(f.root, &t, &p, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_INVALID);
	t.n_functions = 1;
	assert_int_equal(traceplace_open(f.root, &t, &p, &err), 0);
	traceplace_close(&p);
	faketrace_remove(&f);
}

static void a_board_without_tracefs_says_so(void **state)
{
	struct kf_error err = {0};
	struct traceplace p;

	(void)state;
	assert_true(traceplace_open("/nonexistent", &irqsoff, &p, &err) < 0);
	assert_int_equal(err.reason, KF_REASON_NOT_FOUND);
	assert_non_null(strstr(err.msg, "no tracefs"));
}

static void reset_switches_everything_off(void **state)
{
	_buf_ struct buf what = BUF_INIT, again = BUF_INIT;
	struct kf_error err = {0};
	struct faketrace f;

	(void)state;
	others_settings(&f);
	faketrace_put(&f, "set_event", "irq:a\nirq:b\n");
	faketrace_put(&f, "events/irq/filter", "x == 1");
	faketrace_put(&f, "tracing_on", "0");
	assert_int_equal(topstate_reset(f.dir, &what, &err), 0);
	assert_string_equal(buf_str(&what), "the tracer function_graph, 2 entries in "
					    "set_event, 1 entry in set_ftrace_filter");
	faketrace_is(&f, "current_tracer", "nop");
	faketrace_is(&f, "set_event", "");
	faketrace_is(&f, "set_ftrace_filter", "");
	faketrace_is(&f, "events/irq/filter", "0");
	faketrace_is(&f, "tracing_on", "1");
	assert_int_equal(topstate_reset(f.dir, &again, &err), 0);
	assert_int_equal(buf_len(&again), 0);
	faketrace_remove(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_others_set_is_put_back),
		cmocka_unit_test(a_second_one_waits_its_turn),
		cmocka_unit_test(a_killed_group_leaves_nothing_set),
		cmocka_unit_test(leftovers_are_removed_and_what_is_in_use_is_not),
		cmocka_unit_test(an_instance_is_locked_while_it_is_used),
		cmocka_unit_test(events_need_instances),
		cmocka_unit_test(events_are_not_traced_at_the_top),
		cmocka_unit_test(commands_of_functions_are_not_set_at_the_top),
		cmocka_unit_test(a_board_without_tracefs_says_so),
		cmocka_unit_test(reset_switches_everything_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
