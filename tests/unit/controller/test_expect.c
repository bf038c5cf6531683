// SPDX-License-Identifier: GPL-2.0-or-later
/* Expected failures: the file's form, what changes, and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "controller/results/expect.h"

#include "tests/lib/controller/results.h"

static char *apply(const char *file, const char *output)
{
	_expect_ struct expect e = {0};
	_suite_ struct suite_run s = {0};
	struct kf_error err = {0};
	struct reader *reader;

	assert_int_equal(expect_parse(file, strlen(file), "known", &e, &err), 0);
	assert_int_equal(reader_new(NULL, READER_KTAP, &reader), 0);
	assert_int_equal(reader_feed(reader, output, strlen(output)), 0);
	assert_int_equal(reader_end(reader, &s, &err), 0);
	reader_free(reader);
	assert_int_equal(expect_apply(&e, &s), 0);
	return results_text(&s);
}

static void check(const char *file, const char *output, const char *expected)
{
	char *text = apply(file, output);

	assert_string_equal(text, expected);
	free(text);
}

static void test_failures_and_passes(void **state)
{
	(void)state;
	check("# what is known\n\nb\tnever worked\n  c*   see the list\n\"d e\" two "
	      "words\n",
	      "KTAP version 1\n1..5\nok 1 a\nnot ok 2 b\nok 3 c1\nnot ok 4 c2 # exit=1\n"
	      "not ok 5 d e\n",
	      "PASS a\nXFAIL b: expected: never worked\n"
	      "XPASS c1: passed; a failure was expected: see the list\n"
	      "XFAIL c2: expected: see the list; exit=1\nXFAIL d e: expected: two words\n"
	      "= PASS");
	check("b why\n", "KTAP version 1\n1..2\nnot ok 1 a\nnot ok 2 b\n",
	      "FAIL a\nXFAIL b: expected: why\n= FAIL");
}

static void test_groups_follow_their_tests(void **state)
{
	static const char output[] =
		"KTAP version 1\n1..1\n    KTAP version 1\n    1..2\n"
		"    not ok 1 x\n    ok 2 y\nnot ok 1 s\n";

	(void)state;
	check("s.x known\n", output,
	      "XFAIL s.x: expected: known\nPASS s.y\n-XFAIL s\n= PASS");
	check("s.* known\n", output,
	      "XFAIL s.x: expected: known\nXPASS s.y: passed; a failure was expected: "
	      "known\n-XFAIL s\n= PASS");
	/* The group alone does not excuse what is below it. */
	check("s known\n", output,
	      "FAIL s.x\nPASS s.y\n-FAIL s: it says XFAIL, but s.x below it is not well\n"
	      "= FAIL");
}

static void test_what_did_not_end_is_not_expected(void **state)
{
	(void)state;
	check("* all of it\n",
	      "KTAP version 1\n1..4\nok 1 a # SKIP\nnot ok 2 b # ERROR\n",
	      "SKIP a\nERROR b\nERROR test 3: it was running when the output ended\n"
	      "MISS test 4: planned, and there is no result\n"
	      "! the test suite: the plan was 1..4, and 1 of its tests have no result\n"
	      "= ERROR, cut in test 3");
}

static void test_pattern_of_no_test_is_told(void **state)
{
	(void)state;
	check("\nz gone\n", "KTAP version 1\nok 1 a\n",
	      "PASS a\n? expected failures, line 2: no test is called z\n= PASS");
}

static void test_refused(void **state)
{
	static const struct {
		const char *file, *why;
	} bad[] = {
		{"a\n", "known:1: the reason is missing behind the pattern"},
		{"a b\n\"c d e\n", "known:2: a quote is not closed"},
		{"\"\" x\n", "known:1: the pattern is empty"},
		{"\"a\"b x\n", "known:1: a blank is missing behind the pattern"},
		{"a \x1b[31m\n", "known:1: it is not plain text (UTF-8)"},
		{"a \xff\n", "known:1: it is not plain text (UTF-8)"},
	};
	_buf_ struct buf b = BUF_INIT;
	struct expect e = {0};
	struct kf_error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		err = (struct kf_error){0};
		assert_int_equal(
			expect_parse(bad[i].file, strlen(bad[i].file), "known", &e, &err),
			-EINVAL);
		assert_string_equal(err.msg, bad[i].why);
	}
	for (int i = 0; i <= EXPECT_LINES; i++)
		assert_int_equal(buf_printf(&b, "a%d x\n", i), 0);
	assert_int_equal(expect_parse(buf_str(&b), buf_len(&b), "known", &e, &err),
			 -EINVAL);
	assert_string_equal(err.msg, "known:4097: there are too many patterns");
	buf_reset(&b);
	assert_int_equal(buf_printf(&b, "a %*s\n", EXPECT_LINE, "x"), 0);
	assert_int_equal(expect_parse(buf_str(&b), buf_len(&b), "known", &e, &err),
			 -EINVAL);
	assert_string_equal(err.msg, "known:1: the line is too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failures_and_passes),
		cmocka_unit_test(test_groups_follow_their_tests),
		cmocka_unit_test(test_what_did_not_end_is_not_expected),
		cmocka_unit_test(test_pattern_of_no_test_is_told),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
