/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Putting the board in order after a start: who is let in when, and that no deploy runs
 * beside it. */
#include "tests/lib/scratch.h"

#include <signal.h>
#include <string.h>

#include "agent/session/settling.h"
#include "proto/reason.h"

#define GIVE_UP_S 60
#define LATE_MS	  20
#define NEVER_MS  (GIVE_UP_S * 1000)

struct board {
	struct scratch s;
	uv_loop_t loop;
	struct settling settling;
	int ready;
};

static void on_ready(void *arg)
{
	struct board *b = arg;

	b->ready++;
	uv_stop(&b->loop); /* or a run that began with the timer waits on */
}

static int set_up(void **state)
{
	struct board *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	scratch_new(&b->s);
	assert_int_equal(uv_loop_init(&b->loop), 0);
	*state = b;
	alarm(GIVE_UP_S);
	return 0;
}

static int tear_down(void **state)
{
	struct board *b = *state;

	assert_int_equal(uv_loop_close(&b->loop), 0);
	scratch_free(&b->s);
	free(b);
	return 0;
}

static void start(struct board *b, unsigned late_ms)
{
	settling_start(&b->settling, &b->loop, &b->s.a, late_ms, on_ready, b);
}

static void run_to_the_end(struct board *b)
{
	while (uv_run(&b->loop, UV_RUN_DEFAULT))
		;
}

static bool is_settling(struct board *b)
{
	bool settling;

	pthread_mutex_lock(&b->s.a.state_lock);
	settling = b->s.a.settling;
	pthread_mutex_unlock(&b->s.a.state_lock);
	return settling;
}

/* The chain's programs are at work, for as long as the test holds its lock. */
static void nothing_is_deployed_beside_it(void **state)
{
	struct board *b = *state;
	struct trip t = {0};
	struct kernel half, k;

	/* What recovery would take away, was it there: half a staging directory. */
	kernel_make(&half, 'h');
	scratch_write(&b->s, kernel_path(&half, "staging", "boot/image"), "x", 1);
	kernel_make(&k, 'a');
	pthread_mutex_lock(&b->s.a.chain_lock);
	start(b, LATE_MS);
	uv_run(&b->loop, UV_RUN_DEFAULT);
	assert_int_equal(b->ready, 1);
	assert_true(is_settling(b));
	assert_int_equal(scratch_deploy(&b->s, &k, &t), -EBUSY);
	assert_int_equal(t.err.reason, KF_REASON_BUSY);
	assert_non_null(strstr(t.err.msg, "putting the board in order"));
	assert_true(scratch_has(&b->s, kernel_path(&half, "staging", "boot/image")));
	pthread_mutex_unlock(&b->s.a.chain_lock);
	run_to_the_end(b);
	assert_false(is_settling(b));
	assert_int_equal(b->ready, 1);
	assert_false(scratch_has(&b->s, kernel_path(&half, "staging", "")));
	scratch_install(&b->s, &k);
	kernel_fini(&k);
	kernel_fini(&half);
}

static void they_are_let_in_when_it_is_done(void **state)
{
	struct board *b = *state;
	struct kernel k;

	kernel_make(&k, 'a');
	start(b, NEVER_MS);
	assert_int_equal(b->ready, 0);
	run_to_the_end(b);
	assert_int_equal(b->ready, 1);
	assert_false(is_settling(b));
	scratch_install(&b->s, &k);
	kernel_fini(&k);
}

/* The agent stops meanwhile: nobody is told, and the loop ends once the work has. */
static void stopped_it_tells_nobody(void **state)
{
	struct board *b = *state;

	pthread_mutex_lock(&b->s.a.chain_lock);
	start(b, LATE_MS);
	settling_stop(&b->settling);
	settling_stop(&b->settling);
	assert_true(is_settling(b));
	pthread_mutex_unlock(&b->s.a.chain_lock);
	run_to_the_end(b);
	assert_int_equal(b->ready, 0);
	assert_false(is_settling(b));
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_is_deployed_beside_it),
		T(they_are_let_in_when_it_is_done),
		T(stopped_it_tells_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
