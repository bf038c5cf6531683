// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What real suites printed (tests/corpus/results): of each file all results are what
 * FILE.expected says, which was written from the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <glob.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/fs.h"
#include "tests/lib/controller/results.h"

#define FILES	    "tests/corpus/results/*"
#define EXPECTED    ".expected"
#define FILE_MAX    (4u * 1024 * 1024)
#define FILES_LEAST 3u /* else something is wrong with the paths */

static glob_t files;

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(glob(FILES EXPECTED, 0, NULL, &files), 0);
	assert_true(files.gl_pathc >= FILES_LEAST);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	globfree(&files);
	return 0;
}

static void read_text(const char *path, struct buf *out)
{
	assert_int_equal(fs_read_file(AT_FDCWD, path, FILE_MAX, out), 0);
	assert_non_null(buf_str(out));
}

/* Without comments, and with no newline at its end. */
static char *expected(const char *path)
{
	_buf_ struct buf text = BUF_INIT;
	char *s;
	size_t n;

	read_text(path, &text);
	s = (char *)buf_str(&text);
	while (*s == '#')
		s += strcspn(s, "\n") + 1;
	n = strlen(s);
	assert_true(n > 0 && s[n - 1] == '\n');
	return strndup(s, n - 1);
}

static void test_each_file(void **state)
{
	(void)state;
	for (size_t i = 0; i < files.gl_pathc; i++) {
		const char *path = files.gl_pathv[i];
		size_t n = strlen(path) - strlen(EXPECTED);
		_free_ char *output = strndup(path, n), *want = expected(path);
		_free_ char *got = NULL;
		_buf_ struct buf text = BUF_INIT;

		read_text(output, &text);
		got = results_read(READER_AUTO, buf_str(&text));
		if (strcmp(got, want) != 0)
			print_error("%s:\n%s\n", output, got);
		assert_string_equal(got, want);
	}
}

/* Each file has its expectations. */
static void test_no_file_is_left_out(void **state)
{
	glob_t all;
	size_t outputs = 0;

	(void)state;
	assert_int_equal(glob(FILES, 0, NULL, &all), 0);
	for (size_t i = 0; i < all.gl_pathc; i++)
		outputs += strstr(all.gl_pathv[i], EXPECTED) == NULL;
	globfree(&all);
	assert_int_equal(outputs, files.gl_pathc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_file),
		cmocka_unit_test(test_no_file_is_left_out),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
