/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deadlines at their edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>

#include "proto/base/clock.h"

static void time_does_not_go_back(void **state)
{
	int64_t a = clock_now_ms(), b = clock_now_ms();

	(void)state;
	assert_true(a > 0);
	assert_true(b >= a);
}

static void what_is_left(void **state)
{
	int left = deadline_left(deadline_in(60000));

	(void)state;
	assert_true(left > 30000 && left <= 60000);
	assert_int_equal(deadline_left(deadline_in(0)), 0);
	assert_int_equal(deadline_left(deadline_in(-5)), 0);
	assert_int_equal(deadline_left(DEADLINE_NEVER), -1);
}

static void far_deadlines_saturate(void **state)
{
	(void)state;
	assert_int_equal(deadline_left(deadline_in((int64_t)INT_MAX * 10)), INT_MAX);
	assert_int_equal(deadline_left(deadline_in(INT64_MAX)), -1);
	assert_int_equal(deadline_left(deadline_in(INT64_MIN)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_does_not_go_back),
		cmocka_unit_test(what_is_left),
		cmocka_unit_test(far_deadlines_saturate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
