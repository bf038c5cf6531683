/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text: names, paths, UTF-8, escapes, amounts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "proto/limits.h"
#include "proto/text.h"

static void names(void **state)
{
	static const char *const good[] = {"rpi4", "a", "6.1.0-13-amd64", "x~rc1+b_2"};
	static const char *const bad[] = {"",	 ".hid",     "-o", "a/b",
					  "a b", "\303\244", "a\n"};
	char full[LIMIT_NAME + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(text_is_name(good[i]));
		assert_true(text_is_release(good[i]));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_false(text_is_name(bad[i]));
		assert_false(text_is_release(bad[i]));
	}
	memset(full, 'a', sizeof(full));
	full[LIMIT_NAME] = '\0';
	assert_true(text_is_name(full));
	full[LIMIT_NAME] = 'a';
	full[LIMIT_NAME + 1] = '\0';
	assert_false(text_is_name(full));
}

static void slots(void **state)
{
	static const char *const bad[] = {
		"",	      "k-",	    "k-0123456",  "k-012345678",
		"k-0123456G", "k-ABCDEF01", "x-01234567", "k_01234567"};

	(void)state;
	assert_true(text_is_slot("k-3f9a1c2b"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(text_is_slot(bad[i]));
}

static bool path(const char *s)
{
	return text_is_path(s, strlen(s));
}

static void paths(void **state)
{
	static const char *const bad[] = {
		"",	"/",	"/a",	  "a/",	      "a//b",	      "..",
		"a/..", "../a", "a/../b", ".",	      "a/.",	      "./a",
		"a\\b", "a\nb", "a\177",  "\300\257", "\355\240\200", "\302\205",
	};
	char full[LIMIT_PATH + 1];

	(void)state;
	assert_true(path("boot/image"));
	assert_true(path("a"));
	assert_true(path("..a/b..c/...") && path("a b/\303\244"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(path(bad[i]));
	assert_false(text_is_path("a\0b", 3));
	memset(full, 'a', sizeof(full));
	assert_true(text_is_path(full, LIMIT_PATH));
	assert_false(text_is_path(full, LIMIT_PATH + 1));
}

static void lines_and_hex(void **state)
{
	(void)state;
	assert_true(text_is_line("root=/dev/sda1 quiet", 20));
	assert_false(text_is_line("root=/dev/sda1 quiet", 19));
	assert_true(text_is_line("", 0));
	assert_false(text_is_line("a\tb", 9));
	assert_false(text_is_line("\303\244", 9));
	assert_true(text_is_hex("00ff", 4, 2));
	assert_false(text_is_hex("00ff", 4, 1));
	assert_false(text_is_hex("00f", 3, 2));
	assert_false(text_is_hex("", 0, 2));
	assert_false(text_is_hex("0G", 2, 2));
}

static void params(void **state)
{
	char longest[LIMIT_PARAM + 2];

	(void)state;
	assert_true(text_is_param("debug"));
	assert_true(text_is_param("debug=0x1f"));
	assert_true(text_is_param("dyndbg=file a.c +p"));
	assert_true(text_is_param("a-b.c_d="));
	assert_false(text_is_param(""));
	assert_false(text_is_param("=1"));
	assert_false(text_is_param("-r"));
	assert_false(text_is_param("--remove=1"));
	assert_true(text_is_param("_x=1"));
	assert_false(text_is_param("a b=1"));
	assert_false(text_is_param("a=\"b\""));
	assert_false(text_is_param("a=1\nb=2"));
	assert_false(text_is_param("a=\303\244"));
	memset(longest, 'a', sizeof(longest));
	longest[LIMIT_PARAM] = '\0';
	assert_true(text_is_param(longest));
	longest[LIMIT_PARAM] = 'a';
	longest[LIMIT_PARAM + 1] = '\0';
	assert_false(text_is_param(longest));
}

static void utf8(void **state)
{
	static const struct {
		const char *s;
		size_t len;
		uint32_t point;
	} cases[] = {
		{"a", 1, 'a'},
		{"\303\244", 2, 0xe4},
		{"\342\202\254", 3, 0x20ac},
		{"\360\237\220\247", 4, 0x1f427},
		{"\364\217\277\277", 4, 0x10ffff},
		{"\364\220\200\200", 0, 0}, /* past the last */
		{"\300\200", 0, 0},	    /* overlong */
		{"\340\200\200", 0, 0},	    /* overlong */
		{"\360\200\200\200", 0, 0}, /* overlong */
		{"\355\240\200", 0, 0},	    /* surrogate */
		{"\200", 0, 0},
		{"\377", 0, 0},
		{"\303", 0, 0}, /* cut off */
		{"\303a", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t point = 0;

		assert_int_equal(text_utf8(cases[i].s, strlen(cases[i].s), &point),
				 cases[i].len);
		assert_int_equal(point, cases[i].point);
	}
}

static void check_escape(const char *in, size_t n, bool keep_lines, const char *want)
{
	_buf_ struct buf b = BUF_INIT;

	assert_int_equal(text_escape(&b, in, n, keep_lines), 0);
	assert_string_equal(buf_str(&b), want);
	assert_true(text_is_plain(buf_str(&b), buf_len(&b), keep_lines));
}

static void escapes(void **state)
{
	(void)state;
	check_escape("", 0, false, "");
	check_escape("plain \\ \303\244", 10, false, "plain \\ \303\244");
	check_escape("\033[2J\177", 5, false, "\\x1b[2J\\x7f");
	check_escape("a\nb\tc\r", 6, true, "a\nb\tc\\x0d");
	check_escape("a\nb", 3, false, "a\\x0ab");
	check_escape("\302\2332J", 4, true, "\\xc2\\x9b2J"); /* CSI as one of C1 */
	check_escape("\377\303", 2, true, "\\xff\\xc3");
	check_escape("a\0b", 3, true, "a\\x00b");
	check_escape("x\342\200\256y", 5, true, "x\\xe2\\x80\\xaey"); /* right to left */
}

static void an_escape_reports_a_full_buffer(void **state)
{
	_buf_ struct buf b = {.max = 3};

	(void)state;
	assert_int_equal(text_escape(&b, "\001", 1, false), -EMSGSIZE);
	assert_int_equal(text_escape(&b, "abcd", 4, false), -EMSGSIZE);
}

static void trims(void **state)
{
	const char *s = " \t a b\r\n";
	size_t n = strlen(s);

	(void)state;
	text_trim(&s, &n);
	assert_int_equal(n, 3);
	assert_memory_equal(s, "a b", 3);
	s = " \n";
	n = 2;
	text_trim(&s, &n);
	assert_int_equal(n, 0);
	/* What is behind the n bytes does not count. */
	s = "a  b";
	n = 3;
	text_trim(&s, &n);
	assert_int_equal(n, 1);
}

static void fits_between_characters(void **state)
{
	static const char text[] = "a\xc3\xa4\xe2\x82\xac"; /* 1, 2 and 3 bytes */
	static const size_t fit[] = {0, 1, 1, 3, 3, 3, 6, 6};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fit); i++)
		assert_int_equal(text_fit(text, strlen(text), i), fit[i]);
	assert_int_equal(text_fit("a\xff"
				  "b",
				  3, 10),
			 1);
	assert_int_equal(text_fit(text, 2, 10), 1);
}

static void amounts(void **state)
{
	char s[16];

	(void)state;
	assert_string_equal(text_bytes(0, s), "0 B");
	assert_string_equal(text_bytes(1023, s), "1023 B");
	assert_string_equal(text_bytes(1024, s), "1.0 KiB");
	assert_string_equal(text_bytes(1048575, s), "1.0 MiB");
	assert_string_equal(text_bytes(1468006, s), "1.4 MiB");
	assert_string_equal(text_bytes(UINT64_MAX, s), "16.0 EiB");
	assert_string_equal(text_duration(0, s), "0.0s");
	assert_string_equal(text_duration(900, s), "0.9s");
	assert_string_equal(text_duration(9949, s), "9.9s");
	assert_string_equal(text_duration(9950, s), "10s");
	assert_string_equal(text_duration(59499, s), "59s");
	assert_string_equal(text_duration(59500, s), "1m00s");
	assert_string_equal(text_duration(161000, s), "2m41s");
	assert_string_equal(text_duration(3600000, s), "1h00m");
	assert_string_equal(text_duration(3780000, s), "1h03m");
	assert_string_equal(text_duration(-5, s), "0.0s");
	assert_string_equal(text_duration(INT64_MAX, s), "for ever");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(slots),
		cmocka_unit_test(paths),
		cmocka_unit_test(lines_and_hex),
		cmocka_unit_test(params),
		cmocka_unit_test(utf8),
		cmocka_unit_test(escapes),
		cmocka_unit_test(an_escape_reports_a_full_buffer),
		cmocka_unit_test(trims),
		cmocka_unit_test(fits_between_characters),
		cmocka_unit_test(amounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
