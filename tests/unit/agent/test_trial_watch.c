/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The deadline of a trial, and the watchdog that is petted meanwhile. */
#include "tests/lib/scratch.h"

#include <string.h>
#include <sys/stat.h>

#include "agent/trial/trial.h"
#include "proto/base/fs.h"

struct board {
	struct scratch s;
	struct kernel k;
	uv_loop_t loop;
	uv_timer_t look;
	const char *wait_for; /* a file's content that ends the loop */
};

static const char program[] = "#!/bin/sh\necho \"$@\" >> \"${0%/*}/firmware/reset\"\n";

static int set_up(void **state)
{
	struct board *b = calloc(1, sizeof(*b));
	struct kf_error err = {0};
	_free_ char *conf = NULL;
	char text[256];

	assert_non_null(b);
	scratch_new(&b->s);
	scratch_write(&b->s, "reboot", program, strlen(program));
	scratch_write(&b->s, "dev/dog", "", 0);
	assert_true(asprintf(&conf, "reboot = %s/reboot\nwatchdog = /dev/dog\n",
			     b->s.root) > 0);
	scratch_conf(&b->s, conf);
	snprintf(text, sizeof(text), "%s/reboot", b->s.root);
	assert_int_equal(chmod(text, 0755), 0);
	kernel_init(&b->k, "6.9.0-test", 'a');
	kernel_finish(&b->k);
	scratch_install(&b->s, &b->k);
	assert_int_equal(trial_arm(&b->s.a, b->k.id, 10, text, &err), 0);
	scratch_boot(&b->s, &b->k);
	assert_int_equal(trial_boot(&b->s.a, &err), 0);
	trial_settle(&b->s.a);
	assert_int_equal(uv_loop_init(&b->loop), 0);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct board *b = *state;

	assert_int_equal(uv_loop_close(&b->loop), 0);
	kernel_fini(&b->k);
	scratch_free(&b->s);
	free(b);
	return 0;
}

static void on_look(uv_timer_t *timer)
{
	struct board *b = timer->data;
	_free_ char *is = scratch_read(&b->s, b->wait_for);

	if (*is)
		uv_stop(timer->loop);
}

/* Run the loop until the file has content; the test's own time limit is the deadline. */
static void run_until(struct board *b, const char *file)
{
	b->wait_for = file;
	b->look.data = b;
	assert_int_equal(uv_timer_init(&b->loop, &b->look), 0);
	assert_int_equal(uv_timer_start(&b->look, on_look, 10, 10), 0);
	uv_run(&b->loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&b->look, NULL);
}

static void test_deadline(void **state)
{
	struct board *b = *state;
	struct trial_watch *w = NULL;
	struct kf_error err = {0};
	_free_ char *reset = NULL, *dog = NULL;

	b->s.a.boot.start_ms -= 11 * 1000;
	assert_int_equal(trial_left_ms(&b->s.a), 1);
	assert_int_equal(trial_watch_start(&b->loop, &b->s.a, &w, &err), 0);
	run_until(b, "firmware/reset");
	reset = scratch_read(&b->s, "firmware/reset");
	assert_string_equal(reset, "normal\n");
	trial_watch_stop(w);
	uv_run(&b->loop, UV_RUN_DEFAULT);
	/* Nothing stopped the watchdog: it ends a board that hangs on its way down. */
	dog = scratch_read(&b->s, "dev/dog");
	assert_null(strchr(dog, 'V'));
}

static void test_confirmed(void **state)
{
	struct board *b = *state;
	struct trial_watch *w = NULL;
	struct kf_error err = {0};
	_free_ char *dog = NULL, *later = NULL;

	assert_int_equal(trial_watch_start(&b->loop, &b->s.a, &w, &err), 0);
	run_until(b, "dev/dog");
	assert_int_equal(trial_confirm(&b->s.a, b->k.id, false, false, &err), 0);
	trial_watch_update(w);
	dog = scratch_read(&b->s, "dev/dog");
	assert_int_equal(dog[strlen(dog) - 1], 'V');
	b->s.a.boot.start_ms -= 60 * 1000;
	trial_watch_update(w);
	trial_watch_stop(w);
	uv_run(&b->loop, UV_RUN_DEFAULT);
	later = scratch_read(&b->s, "dev/dog");
	assert_string_equal(dog, later);
	assert_false(scratch_has(&b->s, "firmware/reset"));
}

/* Arming another one does not make the running one good. */
static void test_arming_does_not_end_it(void **state)
{
	struct board *b = *state;
	struct trial_watch *w = NULL;
	struct kf_error err = {0};
	char text[256];

	assert_int_equal(trial_watch_start(&b->loop, &b->s.a, &w, &err), 0);
	assert_int_equal(trial_arm(&b->s.a, b->k.id, 10, text, &err), 0);
	trial_watch_update(w);
	trial_watch_stop(w);
	uv_run(&b->loop, UV_RUN_DEFAULT);
	{
		_free_ char *dog = scratch_read(&b->s, "dev/dog");

		assert_null(strchr(dog, 'V'));
	}
}

/* Nor does an agent that starts again in between. */
static void test_deadline_after_another_arm(void **state)
{
	struct board *b = *state;
	struct trial_watch *w = NULL;
	struct kf_error err = {0};
	struct kernel other;
	_free_ char *reset = NULL;
	char text[256];

	kernel_init(&other, "6.9.0-other", 'b');
	kernel_finish(&other);
	scratch_install(&b->s, &other);
	assert_int_equal(trial_arm(&b->s.a, other.id, 3600, text, &err), 0);
	kernel_fini(&other);
	scratch_off(&b->s);
	scratch_on(&b->s);
	assert_int_equal(trial_boot(&b->s.a, &err), 0);
	trial_settle(&b->s.a);
	b->s.a.boot.start_ms -= 11 * 1000;
	assert_int_equal(trial_watch_start(&b->loop, &b->s.a, &w, &err), 0);
	run_until(b, "firmware/reset");
	reset = scratch_read(&b->s, "firmware/reset");
	assert_string_equal(reset, "normal\n");
	trial_watch_stop(w);
	uv_run(&b->loop, UV_RUN_DEFAULT);
}

static void test_no_trial(void **state)
{
	struct board *b = *state;
	struct trial_watch *w = NULL;
	struct kf_error err = {0};

	b->s.a.state.trial.phase = KFERRY__TRIAL__TRIAL_NONE;
	assert_int_equal(trial_watch_start(&b->loop, &b->s.a, &w, &err), 0);
	trial_watch_stop(w);
	uv_run(&b->loop, UV_RUN_DEFAULT);
	{
		_free_ char *dog = scratch_read(&b->s, "dev/dog");

		assert_string_equal(dog, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		T(test_deadline),
		T(test_confirmed),
		T(test_arming_does_not_end_it),
		T(test_deadline_after_another_arm),
		T(test_no_trial),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
