/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a board's status means for the verdict on the kernel that runs there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/deploy/deploy_internal.h"

static bool waits(Kferry__Trial trial, uint64_t left_ms)
{
	Kferry__Status st = KFERRY__STATUS__INIT;

	st.trial = trial;
	st.deadline_left_ms = left_ms;
	return verdict_waits(&st);
}

static void test_a_running_trial_waits(void **state)
{
	(void)state;
	assert_true(waits(KFERRY__TRIAL__TRIAL_RUNNING, 5000));
	assert_true(waits(KFERRY__TRIAL__TRIAL_RUNNING, 0));
}

/* The state tells of the slot that was armed since; the deadline is of the one that runs.
 */
static void test_it_waits_when_another_was_armed_since(void **state)
{
	(void)state;
	assert_true(waits(KFERRY__TRIAL__TRIAL_ARMED, 5000));
	assert_true(waits(KFERRY__TRIAL__TRIAL_NONE, 1));
}

static void test_what_is_confirmed_does_not(void **state)
{
	(void)state;
	assert_false(waits(KFERRY__TRIAL__TRIAL_CONFIRMED, 0));
	assert_false(waits(KFERRY__TRIAL__TRIAL_ARMED, 0));
	assert_false(waits(KFERRY__TRIAL__TRIAL_NONE, 0));
	assert_false(waits(KFERRY__TRIAL__TRIAL_FELL_BACK, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_running_trial_waits),
		cmocka_unit_test(test_it_waits_when_another_was_armed_since),
		cmocka_unit_test(test_what_is_confirmed_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
