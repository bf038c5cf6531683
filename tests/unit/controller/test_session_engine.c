// SPDX-License-Identifier: GPL-2.0-or-later
/* A session's life, on a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/session/session_engine.h"
#include "proto/reason.h"

#define START 1000000

static const struct session_rules rules = {
	.idle_ms = 60000,
	.ask_ms = 15000,
	.silent_ms = 2000,
	.dead_ms = 15000,
	.retry_ms = 3000,
	.give_up_ms = 30000,
};

static void begin(struct session_engine *e)
{
	session_engine_init(e, &rules, START);
	session_engine_use(e, 1, START); /* not idle */
}

/* What it wants at a time, START + ms. */
static enum session_do at(struct session_engine *e, int64_t ms)
{
	deadline_ms wake;

	return session_engine_step(e, START + ms, &wake);
}

static int64_t wakes(struct session_engine *e, int64_t ms)
{
	deadline_ms wake;

	assert_int_equal(session_engine_step(e, START + ms, &wake), SESSION_DO_NOTHING);
	return wake - START;
}

static void silence_is_asked_about_then_refused_then_dropped(void **state)
{
	struct session_engine e;

	(void)state;
	begin(&e);
	assert_int_equal(wakes(&e, 0), 15000);
	assert_int_equal(at(&e, 15000), SESSION_DO_ASK);
	assert_true(session_engine_is_up(&e));
	assert_int_equal(wakes(&e, 15000), 17000);
	assert_int_equal(wakes(&e, 17000), 30000);
	assert_false(session_engine_is_up(&e));
	assert_int_equal(session_engine_state(&e), SESSION_SILENT);
	assert_int_equal(at(&e, 30000), SESSION_DO_DROP);
	session_engine_lost(&e, "gone", START + 30000);
	assert_int_equal(session_engine_state(&e), SESSION_DOWN);
}

static void an_answer_ends_the_doubt(void **state)
{
	struct session_engine e;

	(void)state;
	begin(&e);
	assert_int_equal(at(&e, 15000), SESSION_DO_ASK);
	assert_int_equal(at(&e, 17500), SESSION_DO_NOTHING);
	session_engine_heard(&e, START + 18000);
	assert_true(session_engine_is_up(&e));
	assert_int_equal(wakes(&e, 18000), 33000);
}

static void a_channel_that_is_asked_for_is_a_question_too(void **state)
{
	struct session_engine e;

	(void)state;
	begin(&e);
	session_engine_asked(&e, START + 100);
	assert_int_equal(wakes(&e, 100), 2100);
	assert_int_equal(wakes(&e, 2100), 15100);
	assert_int_equal(session_engine_state(&e), SESSION_SILENT);
}

static void who_gave_up_waiting_has_it_asked_once_more(void **state)
{
	struct session_engine e;

	(void)state;
	begin(&e);
	session_engine_asked(&e, START);
	session_engine_doubt(&e, START + 1000);
	assert_int_equal(at(&e, 1000), SESSION_DO_ASK);
	/* The time counts from the first question. */
	assert_int_equal(wakes(&e, 1000), 2000);
}

static void a_slow_line_is_not_dropped(void **state)
{
	struct session_engine e;

	(void)state;
	begin(&e);
	session_engine_asked(&e, START);
	assert_int_equal(at(&e, 15000), SESSION_DO_DROP);
	session_engine_unsent(&e, START + 15000);
	assert_int_equal(wakes(&e, 15000), 30000);
	assert_int_equal(session_engine_state(&e), SESSION_SILENT);
	session_engine_heard(&e, START + 20000);
	assert_true(session_engine_is_up(&e));
}

static void idle_time_ends_it(void **state)
{
	struct session_engine e;

	(void)state;
	session_engine_init(&e, &rules, START);
	session_engine_use(&e, 1, START + 50000);
	session_engine_heard(&e, START + 100000);
	assert_int_equal(at(&e, 100000), SESSION_DO_NOTHING);
	assert_int_equal(session_engine_idle(&e, START + 100000), 0);
	session_engine_use(&e, 0, START + 100000);
	session_engine_heard(&e, START + 159000);
	assert_int_equal(wakes(&e, 159000), 160000);
	assert_int_equal(session_engine_idle(&e, START + 159000), 59000);
	assert_int_equal(at(&e, 160000), SESSION_DO_END);
	assert_int_equal(session_engine_state(&e), SESSION_OVER);
}

static void without_a_limit_it_stays(void **state)
{
	struct session_rules forever = rules;
	struct session_engine e;

	(void)state;
	forever.idle_ms = 0;
	session_engine_init(&e, &forever, START);
	session_engine_heard(&e, START + INT64_C(1) * 86400000);
	assert_int_equal(at(&e, INT64_C(1) * 86400000), SESSION_DO_NOTHING);
}

static void lose(struct session_engine *e, int64_t ms)
{
	begin(e);
	session_engine_lost(e, "gone", START + ms);
	assert_false(session_engine_is_up(e));
}

static void fail_login(struct session_engine *e, int reason, int64_t ms)
{
	struct kf_error err = {0};

	kf_err(&err, -EACCES, reason, "no");
	session_engine_login(e, &err, START + ms);
}

static void a_lost_connection_is_made_again(void **state)
{
	struct session_engine e;

	(void)state;
	lose(&e, 0);
	assert_int_equal(wakes(&e, 0), 3000);
	assert_int_equal(at(&e, 3000), SESSION_DO_LOGIN);
	assert_int_equal(at(&e, 3500), SESSION_DO_NOTHING);
	fail_login(&e, KF_REASON_UNREACHABLE, 4000);
	assert_int_equal(wakes(&e, 4000), 7000);
	assert_int_equal(at(&e, 7000), SESSION_DO_LOGIN);
	session_engine_login(&e, NULL, START + 8000);
	assert_true(session_engine_is_up(&e));
	assert_int_equal(wakes(&e, 8000), 23000);
}

static void it_gives_up_after_its_time(void **state)
{
	struct session_engine e;

	(void)state;
	lose(&e, 0);
	for (int64_t ms = 3000; ms < 30000; ms += 3000) {
		assert_int_equal(at(&e, ms), SESSION_DO_LOGIN);
		fail_login(&e, KF_REASON_AUTH, ms);
	}
	assert_int_equal(at(&e, 30000), SESSION_DO_END);
	assert_string_equal(e.why, "no");
}

static void another_host_key_ends_it_at_once(void **state)
{
	struct session_engine e;

	(void)state;
	lose(&e, 0);
	assert_int_equal(at(&e, 3000), SESSION_DO_LOGIN);
	fail_login(&e, KF_REASON_HOST_KEY, 3100);
	assert_int_equal(at(&e, 3100), SESSION_DO_END);
}

static void the_end_is_the_end(void **state)
{
	struct session_engine e;

	(void)state;
	begin(&e);
	session_engine_end(&e, "stopped");
	session_engine_heard(&e, START);
	session_engine_lost(&e, "gone", START);
	session_engine_login(&e, NULL, START);
	session_engine_end(&e, "again");
	assert_int_equal(at(&e, 0), SESSION_DO_END);
	assert_string_equal(e.why, "stopped");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silence_is_asked_about_then_refused_then_dropped),
		cmocka_unit_test(an_answer_ends_the_doubt),
		cmocka_unit_test(a_channel_that_is_asked_for_is_a_question_too),
		cmocka_unit_test(who_gave_up_waiting_has_it_asked_once_more),
		cmocka_unit_test(a_slow_line_is_not_dropped),
		cmocka_unit_test(idle_time_ends_it),
		cmocka_unit_test(without_a_limit_it_stays),
		cmocka_unit_test(a_lost_connection_is_made_again),
		cmocka_unit_test(it_gives_up_after_its_time),
		cmocka_unit_test(another_host_key_ends_it_at_once),
		cmocka_unit_test(the_end_is_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
