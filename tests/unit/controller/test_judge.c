/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What makes a commit bad, and what says nothing of it; and what git is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "controller/bisect/judge.h"
#include "proto/base/cleanup.h"
#include "proto/reason.h"

#define REASONS 64

static void only_what_the_kernel_did_is_bad(void **state)
{
	static const int bad[] = {KF_REASON_FELL_BACK, KF_REASON_UNHEALTHY,
				  KF_REASON_MODULE, KF_REASON_TESTS};

	(void)state;
	for (int reason = 0; reason < REASONS; reason++) {
		enum judged want =
			reason == KF_REASON_CANCELLED ? JUDGED_STOPPED : JUDGED_FAULT;

		for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
			if (bad[i] == reason)
				want = JUDGED_BAD;
		}
		assert_int_equal(judge_reason(JUDGE_BOARD, reason), want);
		assert_true(judge_reason(JUDGE_BUILD, reason) != JUDGED_BAD);
	}
}

static void what_does_not_build_is_skipped(void **state)
{
	(void)state;
	assert_int_equal(judge_reason(JUDGE_BUILD, KF_REASON_BUILD), JUDGED_SKIP);
	assert_int_equal(judge_reason(JUDGE_BUILD, KF_REASON_SPACE), JUDGED_FAULT);
	assert_int_equal(judge_reason(JUDGE_BUILD, KF_REASON_TIMEOUT), JUDGED_FAULT);
	assert_int_equal(judge_reason(JUDGE_BUILD, KF_REASON_CANCELLED), JUDGED_STOPPED);
}

static void programs_say_it_as_git_has_it(void **state)
{
	(void)state;
	assert_int_equal(judge_program(0), JUDGED_GOOD);
	assert_int_equal(judge_program(1), JUDGED_BAD);
	assert_int_equal(judge_program(124), JUDGED_BAD);
	assert_int_equal(judge_program(125), JUDGED_SKIP);
	/* git takes these two for bad: a test that is not there would be believed. */
	assert_int_equal(judge_program(126), JUDGED_FAULT);
	assert_int_equal(judge_program(127), JUDGED_FAULT);
	assert_int_equal(judge_program(128), JUDGED_FAULT);
	assert_int_equal(judge_program(139), JUDGED_FAULT);
	assert_int_equal(judge_program(255), JUDGED_FAULT);
	assert_int_equal(judge_program(-1), JUDGED_FAULT);
}

static void git_is_told(void **state)
{
	(void)state;
	assert_int_equal(judge_status(JUDGED_GOOD), 0);
	assert_int_equal(judge_status(JUDGED_BAD), 1);
	assert_int_equal(judge_status(JUDGED_SKIP), 125);
	assert_int_equal(judge_status(JUDGED_FAULT), 255);
	assert_int_equal(judge_status(JUDGED_STOPPED), 255);
}

static void names_are_read_back(void **state)
{
	enum judged j;

	(void)state;
	for (int i = JUDGED_GOOD; i <= JUDGED_STOPPED; i++) {
		assert_true(judge_parse(judge_name((enum judged)i), &j));
		assert_int_equal(j, i);
	}
	assert_false(judge_parse("", &j));
	assert_false(judge_parse("Good", &j));
}

static void what_waiting_cannot_mend_is_not_tried_again(void **state)
{
	(void)state;
	assert_true(judge_is_final(KF_REASON_ARCH));
	assert_true(judge_is_final(KF_REASON_CONFIG));
	assert_true(judge_is_final(KF_REASON_HOST_KEY));
	assert_false(judge_is_final(KF_REASON_UNREACHABLE));
	assert_false(judge_is_final(KF_REASON_BUSY));
	assert_false(judge_is_final(KF_REASON_NOT_TRIED));
	assert_false(judge_is_final(KF_REASON_WRONG_KERNEL));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_the_kernel_did_is_bad),
		cmocka_unit_test(what_does_not_build_is_skipped),
		cmocka_unit_test(programs_say_it_as_git_has_it),
		cmocka_unit_test(git_is_told),
		cmocka_unit_test(names_are_read_back),
		cmocka_unit_test(what_waiting_cannot_mend_is_not_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
