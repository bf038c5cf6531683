/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Errors: filling, wrapping, cutting, and what happens to errno. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "proto/base/err.h"

static void fills_code_reason_and_text(void **state)
{
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(kf_err(&err, -ENOENT, 21, "open %s", "x"), -ENOENT);
	assert_int_equal(err.code, -ENOENT);
	assert_int_equal(err.reason, 21);
	assert_string_equal(err.msg, "open x");
}

static void percent_m_is_the_code_and_errno_stays(void **state)
{
	struct kf_error err = {0};

	(void)state;
	errno = EPERM;
	kf_err(&err, -ENOSPC, 1, "%m");
	assert_string_equal(err.msg, strerror(ENOSPC));
	assert_int_equal(errno, EPERM);
}

static void null_error_still_gives_the_code(void **state)
{
	(void)state;
	assert_int_equal(kf_err(NULL, -EIO, 1, "x"), -EIO);
	assert_true(kf_err_wrap(NULL, "x") < 0);
}

static void wrap_puts_context_in_front(void **state)
{
	struct kf_error err = {0};

	(void)state;
	kf_err(&err, -EROFS, 19, "write b");
	assert_int_equal(kf_err_wrap(&err, "deploy %d", 7), -EROFS);
	assert_string_equal(err.msg, "deploy 7: write b");
	assert_int_equal(err.code, -EROFS);
	assert_int_equal(err.reason, 19);
}

static void a_text_may_quote_itself(void **state)
{
	struct kf_error err = {0};

	(void)state;
	kf_err(&err, -EIO, 1, "inner");
	kf_err(&err, -EIO, 1, "outer (%s)", err.msg);
	assert_string_equal(err.msg, "outer (inner)");
}

static void long_texts_are_cut(void **state)
{
	struct kf_error err = {0};
	char big[2 * KF_ERROR_MAX];

	(void)state;
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	kf_err(&err, -EIO, 1, "%s", big);
	assert_int_equal(strlen(err.msg), KF_ERROR_MAX - 1);
	kf_err_wrap(&err, "ctx");
	assert_int_equal(strlen(err.msg), KF_ERROR_MAX - 1);
	assert_memory_equal(err.msg, "ctx: aaa", 8);
	kf_err_wrap(&err, "%s", big);
	assert_int_equal(strlen(err.msg), KF_ERROR_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_code_reason_and_text),
		cmocka_unit_test(percent_m_is_the_code_and_errno_stays),
		cmocka_unit_test(null_error_still_gives_the_code),
		cmocka_unit_test(wrap_puts_context_in_front),
		cmocka_unit_test(a_text_may_quote_itself),
		cmocka_unit_test(long_texts_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
