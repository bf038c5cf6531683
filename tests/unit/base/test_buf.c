/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Buffers: appending, consuming, limits, strings, overflow of lengths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "proto/base/buf.h"

static void bytes_come_out_as_they_went_in(void **state)
{
	_buf_ struct buf b = BUF_INIT;
	unsigned in = 0, out = 0;

	(void)state;
	/* Uneven steps, so that growth, compaction and emptiness all happen. */
	for (unsigned round = 0; round < 2000; round++) {
		unsigned push = (round * 7) % 13, pull = (round * 5) % 12;

		for (unsigned i = 0; i < push; i++, in++) {
			uint8_t c = (uint8_t)in;

			assert_int_equal(buf_append(&b, &c, 1), 0);
		}
		for (unsigned i = 0; i < pull && buf_len(&b) > 0; i++, out++) {
			assert_int_equal(*buf_data(&b), (uint8_t)out);
			buf_consume(&b, 1);
		}
		assert_int_equal(buf_len(&b), in - out);
	}
	assert_true(b.size < 16 * 1024);
}

static void the_limit_counts_unread_bytes(void **state)
{
	_buf_ struct buf b = {.max = 10};
	uint8_t *at;

	(void)state;
	assert_int_equal(buf_append(&b, "0123456789", 10), 0);
	assert_int_equal(buf_append(&b, "x", 1), -EMSGSIZE);
	assert_int_equal(buf_reserve(&b, SIZE_MAX, &at), -EMSGSIZE);
	assert_int_equal(buf_printf(&b, "%d", 7), -EMSGSIZE);
	assert_int_equal(buf_len(&b), 10);
	buf_consume(&b, 4);
	assert_int_equal(buf_append(&b, "abcd", 4), 0);
	assert_memory_equal(buf_data(&b), "456789abcd", 10);
}

static void lengths_do_not_wrap(void **state)
{
	_buf_ struct buf b = BUF_INIT;
	uint8_t *at;

	(void)state;
	assert_int_equal(buf_append(&b, "abc", 3), 0);
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 1, &at), -ENOMEM);
	assert_memory_equal(buf_data(&b), "abc", 3);
}

static void reserve_and_commit(void **state)
{
	_buf_ struct buf b = BUF_INIT;
	uint8_t *at;

	(void)state;
	assert_int_equal(buf_reserve(&b, 100000, &at), 0);
	memset(at, 'z', 100000);
	assert_int_equal(buf_len(&b), 0);
	buf_commit(&b, 3);
	assert_int_equal(buf_len(&b), 3);
	assert_string_equal(buf_str(&b), "zzz");
}

static void strings(void **state)
{
	_buf_ struct buf b = {.max = 5};

	(void)state;
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_printf(&b, "%s-%d", "ab", 12), 0);
	assert_string_equal(buf_str(&b), "ab-12");
	assert_int_equal(buf_len(&b), 5);
	buf_reset(&b);
	assert_string_equal(buf_str(&b), "");
	buf_fini(&b);
	assert_int_equal(buf_len(&b), 0);
	assert_null(buf_data(&b));
}

static void nothing_appended_is_nothing(void **state)
{
	_buf_ struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(buf_append(&b, NULL, 0), 0);
	assert_int_equal(buf_len(&b), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_out_as_they_went_in),
		cmocka_unit_test(the_limit_counts_unread_bytes),
		cmocka_unit_test(lengths_do_not_wrap),
		cmocka_unit_test(reserve_and_commit),
		cmocka_unit_test(strings),
		cmocka_unit_test(nothing_appended_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
