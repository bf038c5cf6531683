// SPDX-License-Identifier: GPL-2.0-or-later
/* A console on a terminal that only shows, and the keys of one at which somebody works.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "controller/console/escape.h"
#include "controller/console/view.h"

/* In pieces of that size, whatever that is. */
static void shown(const char *text, const char *expected)
{
	for (size_t piece = 1; piece <= strlen(text); piece++) {
		struct view v = {0};
		_buf_ struct buf out = BUF_INIT;

		for (size_t at = 0; at < strlen(text); at += piece) {
			size_t n = strlen(text) - at;

			assert_int_equal(
				view_feed(&v, text + at, n < piece ? n : piece, &out), 0);
		}
		assert_int_equal(view_end(&v, &out), 0);
		assert_string_equal(buf_str(&out), expected);
	}
}

static void pieces_do_not_matter(void **state)
{
	(void)state;
	shown("plain\r\nlines\r\n", "plain\nlines\n");
	shown("\033[31mred\033[0m\a", "\\x1b[31mred\\x1b[0m\\x07");
	shown("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80!",
	      "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80!");
	shown("\xc3(\xe2\x82(\xf0\x9f\x98(\xff\x80\xc3",
	      "\\xc3(\\xe2\\x82(\\xf0\\x9f\\x98(\\xff\\x80\\xc3");
	shown("over\rwritten\r", "over\\x0dwritten\\x0d");
}

static enum escape_action keys(struct escape *e, const char *typed, size_t n,
			       const char *sent, size_t used)
{
	_buf_ struct buf out = BUF_INIT;
	enum escape_action action;

	assert_int_equal(escape_feed(e, typed, n, &out, &action), used);
	assert_string_equal(buf_str(&out), sent);
	return action;
}

#define KEYS(e, typed, sent, used) keys(e, typed, sizeof(typed) - 1, sent, used)

static void only_the_escape_key_is_ours(void **state)
{
	struct escape e = {0};

	(void)state;
	assert_int_equal(KEYS(&e, "ls\x03\x04~.\r", "ls\x03\x04~.\r", 7), ESCAPE_NONE);
	assert_int_equal(KEYS(&e, "ab\x1dqcd", "ab", 4), ESCAPE_LEAVE);
	assert_int_equal(KEYS(&e, "\x1d.", "", 2), ESCAPE_LEAVE);
	assert_int_equal(KEYS(&e,
			      "\x1d"
			      "bx",
			      "", 2),
			 ESCAPE_BREAK);
	assert_int_equal(KEYS(&e, "\x1d?", "", 2), ESCAPE_HELP);
	assert_int_equal(KEYS(&e, "\x1dz", "", 2), ESCAPE_HELP);
	assert_int_equal(KEYS(&e,
			      "a\x1d]b\x1d\x1d"
			      "c",
			      "a\x1d"
			      "b\x1d"
			      "c",
			      7),
			 ESCAPE_NONE);
}

static void the_key_and_its_meaning_may_come_apart(void **state)
{
	struct escape e = {0};

	(void)state;
	assert_int_equal(KEYS(&e, "a\x1d", "a", 2), ESCAPE_NONE);
	assert_true(e.seen);
	assert_int_equal(KEYS(&e, "q", "", 1), ESCAPE_LEAVE);
	assert_false(e.seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_do_not_matter),
		cmocka_unit_test(only_the_escape_key_is_ours),
		cmocka_unit_test(the_key_and_its_meaning_may_come_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
