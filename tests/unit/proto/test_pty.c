// SPDX-License-Identifier: GPL-2.0-or-later
/* Records for a terminal: whole ones, pieces, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/limits.h"
#include "proto/pty.h"

static void take(struct buf *b, enum pty_type type, struct pty_record *ret)
{
	assert_int_equal(pty_next(b, ret), 0);
	assert_int_equal(ret->type, type);
}

static void records_come_out_as_they_went_in(void **state)
{
	_buf_ struct buf b = BUF_INIT;
	struct pty_record r;

	(void)state;
	assert_int_equal(pty_put_size(&b, 50, 0x1234), 0);
	assert_int_equal(pty_put_typed(&b, "ls\r", 3), 0);
	take(&b, PTY_SIZE, &r);
	assert_int_equal(r.rows, 50);
	assert_int_equal(r.columns, 0x1234);
	buf_consume(&b, r.used);
	take(&b, PTY_TYPED, &r);
	assert_int_equal(r.len, 3);
	assert_memory_equal(r.data, "ls\r", 3);
	buf_consume(&b, r.used);
	take(&b, PTY_NOTHING, &r);
}

static void pieces_wait_for_the_rest(void **state)
{
	_buf_ struct buf whole = BUF_INIT, b = BUF_INIT;
	struct pty_record r;

	(void)state;
	assert_int_equal(pty_put_typed(&whole, "x", 1), 0);
	for (size_t i = 0; i < buf_len(&whole); i++) {
		take(&b, PTY_NOTHING, &r);
		assert_int_equal(buf_append(&b, buf_data(&whole) + i, 1), 0);
	}
	take(&b, PTY_TYPED, &r);
}

static void bad(const char *bytes)
{
	_buf_ struct buf b = BUF_INIT;
	struct pty_record r;

	assert_int_equal(buf_append(&b, bytes, 4), 0);
	assert_int_equal(pty_next(&b, &r), -EBADMSG);
}

static void what_is_no_record(void **state)
{
	static uint8_t most[LIMIT_PTY + 1];
	_buf_ struct buf b = BUF_INIT;
	struct pty_record r;

	(void)state;
	bad("\0\0\1\0");
	bad("\3\0\1\0");
	bad("\1\1\1\0");
	bad("\1\0\1\x10"); /* LIMIT_PTY + 1 */
	bad("\2\0\3\0");
	assert_int_equal(pty_put_typed(&b, most, LIMIT_PTY + 1), -EMSGSIZE);
	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(pty_put_typed(&b, most, LIMIT_PTY), 0);
	take(&b, PTY_TYPED, &r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_out_as_they_went_in),
		cmocka_unit_test(pieces_wait_for_the_rest),
		cmocka_unit_test(what_is_no_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
