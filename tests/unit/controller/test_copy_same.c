// SPDX-License-Identifier: GPL-2.0-or-later
/* What both sides of a copy have: the set, and the lines that a board's programs print.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/copy/same.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static void files_are_found_by_path(void **state)
{
	static const char *const paths[] = {"b/c", "b", "a", "b/cd", "ab"};
	struct same_file facts = {.mode = S_IFREG};
	_same_ struct same s = {0};

	(void)state;
	assert_null(same_find(&s, "a", 1));
	for (size_t i = 0; i < 5; i++) {
		facts.size = i;
		assert_int_equal(same_add(&s, paths[i], strlen(paths[i]), &facts), 0);
	}
	same_sort(&s);
	for (size_t i = 0; i < 5; i++) {
		struct same_file *f = same_find(&s, paths[i], strlen(paths[i]));

		assert_non_null(f);
		assert_int_equal(f->size, i);
		assert_false(same_has(&s, paths[i]));
		f->same = true;
		assert_true(same_has(&s, paths[i]));
	}
	assert_null(same_find(&s, "b/", 2));
	assert_null(same_find(&s, "c", 1));
	assert_null(same_find(&s, "", 0));
	assert_false(same_has(&s, "b/c/d"));
}

static void names_that_fit_a_line(void **state)
{
	(void)state;
	assert_true(same_is_nameable("a b/-c/$(d)"));
	assert_false(same_is_nameable("a\nb"));
	assert_false(same_is_nameable("a\\b"));
}

static void lines(void **state)
{
	_buf_ struct buf b = BUF_INIT;
	const char *line;
	size_t at = 0, n;

	(void)state;
	assert_false(same_next_line(&b, &at, &line, &n));
	assert_int_equal(buf_append(&b, "one\n\ntwo", 8), 0);
	assert_true(same_next_line(&b, &at, &line, &n));
	assert_memory_equal(line, "one", n);
	assert_true(same_next_line(&b, &at, &line, &n));
	assert_int_equal(n, 0);
	assert_true(same_next_line(&b, &at, &line, &n));
	assert_int_equal(n, 3);
	assert_false(same_next_line(&b, &at, &line, &n));
}

static void what_stat_prints(void **state)
{
	static const char good[] = "81a4 12 1700000000 ./a file";
	static const char *const bad[] = {
		"",
		"81a4",
		"81a4 ",
		"81a4 12 1700000000",
		"81a4 12 1700000000 ",
		"81a4  1700000000 x",
		"81A4 12 1700000000 x",
		"81a4 1x 1700000000 x",
		"81a4 18446744073709551616 1700000000 x",
		"81a4 12 9223372036854775808 x",
		"100000000 12 1 x",
		"81a4 -12 1 x",
		"stat: cannot stat 'x'",
	};
	struct same_file f;
	const char *path;
	size_t n;

	(void)state;
	assert_true(same_parse_stat(good, strlen(good), &f, &path, &n));
	assert_int_equal(f.mode, S_IFREG | 0644);
	assert_int_equal(f.size, 12);
	assert_int_equal(f.mtime, 1700000000);
	assert_int_equal(n, 6);
	assert_memory_equal(path, "a file", 6);
	assert_true(same_parse_stat("81a4 0 -1 .", 11, &f, &path, &n));
	assert_int_equal(f.mtime, -1);
	assert_int_equal(n, 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(same_parse_stat(bad[i], strlen(bad[i]), &f, &path, &n));
	assert_false(same_parse_stat("81a4 0 1 a\0b", 12, &f, &path, &n));
}

static void what_date_prints(void **state)
{
	(void)state;
	assert_int_equal(same_parse_time("1700000000", 10), 1700000000);
	assert_int_equal(same_parse_time("", 0), 0);
	assert_int_equal(same_parse_time("17 ", 3), 0);
	assert_int_equal(same_parse_time("-17", 3), 0);
	assert_int_equal(same_parse_time("18446744073709551615", 20), 0);
}

static void what_sha256sum_prints(void **state)
{
	char line[] = ZEROS "  sub/a file";
	uint8_t sum[32];
	const char *path;
	size_t n;

	(void)state;
	memcpy(line, "00ff", 4);
	assert_true(same_parse_sum(line, strlen(line), sum, &path, &n));
	assert_int_equal(sum[0], 0);
	assert_int_equal(sum[1], 0xff);
	assert_int_equal(n, strlen("sub/a file"));
	assert_memory_equal(path, "sub/a file", n);
	assert_true(same_parse_sum(ZEROS "  -", 67, sum, &path, &n));
	assert_int_equal(n, 1);
	assert_int_equal(*path, '.');
	assert_false(same_parse_sum(ZEROS "  ", 66, sum, &path, &n));
	assert_false(same_parse_sum(ZEROS, 64, sum, &path, &n));
	assert_false(same_parse_sum("\\" ZEROS "  a", 68, sum, &path, &n));
	line[3] = 'g';
	assert_false(same_parse_sum(line, strlen(line), sum, &path, &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_found_by_path),
		cmocka_unit_test(names_that_fit_a_line),
		cmocka_unit_test(lines),
		cmocka_unit_test(what_stat_prints),
		cmocka_unit_test(what_date_prints),
		cmocka_unit_test(what_sha256sum_prints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
