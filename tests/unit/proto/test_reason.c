/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reasons: every number has a name of its own, foreign numbers are survived. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <string.h>

#include "proto/reason.h"

#define ID(n, id, name, text) KF_REASON_##id,
static const int ids[] = {KF_REASONS(ID)};
#undef ID

static void names_are_their_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		assert_int_equal(ids[i], i);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(reason_name(ids[i]), reason_name(ids[k]));
	}
	assert_string_equal(reason_name(KF_REASON_BUSY), "busy");
	assert_string_equal(reason_text(KF_REASON_SPACE), "too little space");
}

static void unknown_numbers_have_a_text(void **state)
{
	static const int odd[] = {-1, INT_MIN, INT_MAX, 4000};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(reason_name(odd[i]), "unknown");
		assert_true(strlen(reason_text(odd[i])) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_their_own),
		cmocka_unit_test(unknown_numbers_have_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
