// SPDX-License-Identifier: GPL-2.0-or-later
/* A console's bytes as lines with times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "controller/console/stamp.h"
#include "controller/log/logline.h"
#include "proto/text.h"

#define NOW  INT64_C(1795898096250) /* 2026-11-28T20:34:56.250Z */
#define TIME "2026-11-28T20:34:56.250Z "

static void feed(struct stamp *s, int64_t now, const char *text, struct buf *out)
{
	assert_int_equal(stamp_feed(s, now, text, strlen(text), out), 0);
}

static void each_line_has_its_time(void **state)
{
	struct stamp s = {0};
	_buf_ struct buf out = BUF_INIT;

	(void)state;
	feed(&s, NOW, "one\ntwo\r\n\n", &out);
	assert_string_equal(buf_str(&out), TIME "one\n" TIME "two\n" TIME "\n");
	assert_string_equal(s.last, "two");
	stamp_fini(&s);
}

static void the_time_is_that_of_its_first_byte(void **state)
{
	struct stamp s = {0};
	_buf_ struct buf out = BUF_INIT;

	(void)state;
	feed(&s, NOW, "lo", &out);
	feed(&s, NOW + 5000, "gin: ", &out);
	assert_int_equal(buf_len(&out), 0);
	assert_int_equal(stamp_end(&s, &out), 0);
	assert_int_equal(stamp_end(&s, &out), 0);
	assert_string_equal(buf_str(&out), TIME "login: \n");
	stamp_fini(&s);
}

static void nothing_reaches_a_terminal(void **state)
{
	static const char evil[] = "\033[2J\0\x9b"
				   "31m\xff ok\xc3\xa9\r\rx\n";
	struct stamp s = {0};
	_buf_ struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(stamp_feed(&s, NOW, evil, sizeof(evil) - 1, &out), 0);
	assert_string_equal(buf_str(&out), TIME "\\x1b[2J\\x00\\x9b31m\\xff "
						"ok\xc3\xa9\\x0d\\x0dx\n");
	stamp_fini(&s);
}

/* 10 MB without an end of line take no more memory than one line. */
static void a_line_without_end_is_cut(void **state)
{
	_free_ char *block = malloc(65536);
	struct stamp s = {0};
	size_t lines = 0, bytes = 0;

	(void)state;
	memset(block, 'a', 65536);
	for (unsigned i = 0; i < 160; i++) {
		_buf_ struct buf out = BUF_INIT;

		assert_int_equal(stamp_feed(&s, NOW, block, 65536, &out), 0);
		assert_true(s.line.size <= 4 * STAMP_LINE_MAX);
		for (size_t k = 0; k < buf_len(&out); k++)
			lines += buf_data(&out)[k] == '\n';
		bytes += buf_len(&out);
	}
	assert_int_equal(lines, 160 * 65536 / STAMP_LINE_MAX);
	assert_int_equal(bytes, lines * (STAMP_LINE_MAX + strlen(TIME) + 1));
	assert_int_equal(strlen(s.last), STAMP_LAST_MAX - 1);
	stamp_fini(&s);
}

/* So that `kferry log console.log` reads it. */
static void the_kernels_text_is_found_behind_it(void **state)
{
	static const char line[] = TIME "[   12.500000] Kernel panic - not syncing: x";
	struct logline l;

	(void)state;
	logline_parse(line, strlen(line), &l);
	assert_int_equal(l.usec, 12500000);
	assert_int_equal(l.n, strlen("Kernel panic - not syncing: x"));
	assert_false(l.foreign);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_has_its_time),
		cmocka_unit_test(the_time_is_that_of_its_first_byte),
		cmocka_unit_test(nothing_reaches_a_terminal),
		cmocka_unit_test(a_line_without_end_is_cut),
		cmocka_unit_test(the_kernels_text_is_found_behind_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
