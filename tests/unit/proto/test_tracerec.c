// SPDX-License-Identifier: GPL-2.0-or-later
/* Records of a trace: whole ones, pieces, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/tracerec.h"

static void take(struct buf *b, enum tracerec_type type, struct tracerec *ret)
{
	assert_int_equal(tracerec_next(b, ret), 0);
	assert_int_equal(ret->type, type);
}

static void records_come_out_as_they_went_in(void **state)
{
	_buf_ struct buf b = BUF_INIT;
	struct kf_error err = {0};
	struct tracerec r;

	(void)state;
	kf_err(&err, -ENOENT, KF_REASON_NOT_FOUND, "no such event");
	assert_int_equal(tracerec_put(&b, TRACEREC_TEXT, "a line\n", 7), 0);
	assert_int_equal(tracerec_put(&b, TRACEREC_OUT, "", 0), 0);
	assert_int_equal(tracerec_put_failed(&b, &err), 0);
	assert_int_equal(
		tracerec_put_end(&b, UINT64_C(0x123456789), 137, TRACEREC_COMMAND), 0);
	take(&b, TRACEREC_TEXT, &r);
	assert_int_equal(r.len, 7);
	assert_memory_equal(r.data, "a line\n", 7);
	buf_consume(&b, r.used);
	take(&b, TRACEREC_OUT, &r);
	assert_int_equal(r.len, 0);
	buf_consume(&b, r.used);
	take(&b, TRACEREC_FAILED, &r);
	assert_int_equal(r.reason, KF_REASON_NOT_FOUND);
	assert_int_equal(r.len, 13);
	assert_memory_equal(r.data, "no such event", 13);
	buf_consume(&b, r.used);
	take(&b, TRACEREC_END, &r);
	assert_int_equal(r.lost, UINT64_C(0x123456789));
	assert_int_equal(r.status, 137);
	assert_int_equal(r.flags, TRACEREC_COMMAND);
	buf_consume(&b, r.used);
	take(&b, TRACEREC_NOTHING, &r);
}

static void pieces_wait_for_the_rest(void **state)
{
	_buf_ struct buf whole = BUF_INIT, b = BUF_INIT;
	struct tracerec r;

	(void)state;
	assert_int_equal(tracerec_put_end(&whole, 1, 2, 3), 0);
	for (size_t i = 0; i < buf_len(&whole); i++) {
		take(&b, TRACEREC_NOTHING, &r);
		assert_int_equal(buf_append(&b, buf_data(&whole) + i, 1), 0);
	}
	take(&b, TRACEREC_END, &r);
}

static void the_longest_and_one_more(void **state)
{
	_buf_ struct buf b = BUF_INIT;
	_free_ char *data = calloc(1, LIMIT_TRACE_RECORD + 1);
	struct tracerec r;

	(void)state;
	assert_non_null(data);
	assert_int_equal(tracerec_put(&b, TRACEREC_TEXT, data, LIMIT_TRACE_RECORD + 1),
			 -EMSGSIZE);
	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(tracerec_put(&b, TRACEREC_TEXT, data, LIMIT_TRACE_RECORD), 0);
	take(&b, TRACEREC_TEXT, &r);
	assert_int_equal(r.len, LIMIT_TRACE_RECORD);
}

static void bad(const char *bytes)
{
	_buf_ struct buf b = BUF_INIT;
	struct tracerec r;

	assert_int_equal(buf_append(&b, bytes, 8), 0);
	assert_int_equal(tracerec_next(&b, &r), -EBADMSG);
}

static void what_is_no_record(void **state)
{
	(void)state;
	bad("\0\0\0\0\0\0\0\0");
	bad("\x8\0\0\0\0\0\0\0");
	bad("\x2\1\0\0\0\0\0\0");
	bad("\x2\0\0\1\0\0\0\0");
	bad("\x2\0\0\0\1\0\1\0");
	bad("\x2\0\0\0\xff\xff\xff\xff");
	bad("\x6\0\0\0\3\0\0\0");
	bad("\x7\0\0\0\xf\0\0\0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_out_as_they_went_in),
		cmocka_unit_test(pieces_wait_for_the_rest),
		cmocka_unit_test(the_longest_and_one_more),
		cmocka_unit_test(what_is_no_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
