/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Little-endian numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/base/le.h"

static void reads_from_the_low_end(void **state)
{
	static const uint8_t b[] = {0x01, 0x02, 0x83, 0x84, 0x05, 0x06, 0x07, 0xf8};

	(void)state;
	assert_int_equal(le_get(b, 0), 0);
	assert_int_equal(le_get(b, 1), 0x01);
	assert_int_equal(le16(b + 1), 0x8302); /* wherever it begins */
	assert_int_equal(le_get(b, 3), 0x830201);
	assert_int_equal(le32(b), 0x84830201);
	assert_true(le_get(b, 8) == UINT64_C(0xf807060584830201));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_from_the_low_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
