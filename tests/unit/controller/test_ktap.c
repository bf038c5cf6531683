// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KTAP and TAP: nesting, plans, directives; what is cut, lost, contradictory or among a
 * kernel's lines.  No test without a result line passes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/lib/controller/results.h"

static void check(const char *output, const char *expected)
{
	results_check(READER_KTAP, output, expected);
}

static void test_flat(void **state)
{
	(void)state;
	check("KTAP version 1\n1..3\nok 1 a\nok 2 - b\nnot ok 3 c d # exit=1\n",
	      "PASS a\nPASS b\nFAIL c d: exit=1\n= FAIL");
	check("TAP version 13\nok 1 - a\nok 2 - b\n1..2\n", "PASS a\nPASS b\n= PASS");
	check("TAP version 14\r\n1..1\r\nok\r\n", "PASS test 1\n= PASS");
	check("TAP version 13\n1..2\nok - first\nok second\n",
	      "PASS first\nPASS second\n= PASS");
	check("TAP version 13\n1..2\nok 1 a \\# b\nok 2 a#b\n",
	      "PASS a # b\nPASS a#b\n= PASS");
}

static void test_directives(void **state)
{
	(void)state;
	check("KTAP version 1\n1..10\nok 1 a # SKIP no device\nnot ok 2 b # skip\n"
	      "not ok 3 c # TO"
	      "DO later\nok 4 d # TO"
	      "DO done\nok 5 e # XFAIL known\n"
	      "not ok 6 f # TIMEOUT 45 seconds\nnot ok 7 g # ERROR broken\n"
	      "ok 8 # SKIP h is not there\nok 9 i # SKIPPED\nok 10 j # XPASS k\n",
	      "SKIP a: no device\nSKIP b\nXFAIL c: later\nXPASS d: done\nXFAIL e: known\n"
	      "FAIL f: timeout: 45 seconds\nERROR g: broken\n"
	      "SKIP test 8: h is not there\nSKIP i\nXPASS j: k\n= FAIL");
	/* Words that only look so. */
	check("KTAP version 1\n1..2\nok 1 a # TODOS\nnot ok 2 b # errors: 3\n",
	      "PASS a: TODOS\nFAIL b: errors: 3\n= FAIL");
	/* A timeout is none of the good ends. */
	check("KTAP version 1\n1..1\nok 1 a # TIMEOUT\n", "FAIL a: timeout: \n= FAIL");
}

static const char kunit[] =
	"KTAP version 1\n"
	"1..2\n"
	"    KTAP version 1\n"
	"    # Subtest: example\n"
	"    # module: kunit_example_test\n"
	"    1..3\n"
	"    # example_simple_test: initializing\n"
	"    ok 1 example_simple_test\n"
	"    ok 2 example_skip_test # SKIP this test should be skipped\n"
	"        KTAP version 1\n"
	"        # Subtest: example_params_test\n"
	"    # example_params_test: EXPECTATION FAILED at lib/x.c:12\n"
	"        ok 1 example value 3 # SKIP unsupported\n"
	"        not ok 2 example value 2\n"
	"    # example_params_test: pass:0 fail:1 skip:1 total:2\n"
	"    not ok 3 example_params_test\n"
	"# example: pass:1 fail:1 skip:1 total:3\n"
	"not ok 1 example\n"
	"    KTAP version 1\n"
	"    # Subtest: list\n"
	"    1..1\n"
	"    ok 1 list_init\n"
	"ok 2 list\n";

static const char kunit_text[] = "PASS example.example_simple_test\n"
				 "SKIP example.example_skip_test: this test should be "
				 "skipped\n"
				 "SKIP example.example_params_test.example value 3: "
				 "unsupported\n"
				 "FAIL example.example_params_test.example value 2\n"
				 "-FAIL example.example_params_test\n"
				 "-FAIL example\n"
				 "PASS list.list_init\n"
				 "-PASS list\n"
				 "= FAIL";

static void test_kunit(void **state)
{
	(void)state;
	check(kunit, kunit_text);
}

/* Each line as a kernel's console shows it, its own lines between. */
static void test_kunit_on_a_console(void **state)
{
	static const char *const stamps[] = {
		"[    1.234567] ", "[   12.345678][    T1] ", "<6>[    0.000001] ",
		"2026-11-21T20:30:04.588Z [    3.1] ", "\033[32m[    1.2] \033[0m"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stamps); i++) {
		_buf_ struct buf b = BUF_INIT;
		const char *p = kunit;

		while (*p) {
			size_t n = strcspn(p, "\n") + 1;

			assert_int_equal(
				buf_printf(&b, "%s%.*s\r\n", stamps[i], (int)n - 1, p),
				0);
			assert_int_equal(
				buf_printf(&b, "%susb 1-1: new device\r\n", stamps[i]),
				0);
			p += n;
		}
		check(buf_str(&b), kunit_text);
	}
}

/* As before Linux 6.3: no version lines below the first, tabs in the oldest. */
static void test_kunit_of_old(void **state)
{
	(void)state;
	check("TAP version 14\n1..2\n    # Subtest: a\n    1..1\n    ok 1 - x\nok 1 - a\n"
	      "    # Subtest: b\n    1..1\n    ok 1 - x\nok 2 - b\n",
	      "PASS a.x\n-PASS a\nPASS b.x\n-PASS b\n= PASS");
	check("TAP version 14\n\t# Subtest: a\n\t1..1\n\tok 1 - x\nok 1 - a\n",
	      "PASS a.x\n-PASS a\n= PASS");
	/* The result line of `a` is lost. */
	check("TAP version 14\n1..2\n    # Subtest: a\n    1..1\n    ok 1 - x\n"
	      "    # Subtest: b\n    1..1\n    ok 1 - x\nok 2 - b\n",
	      "PASS a.x\n+ERROR a: it began, and has no result\nPASS b.x\n-PASS b\n"
	      "= ERROR");
}

static void test_tap14_subtests(void **state)
{
	(void)state;
	check("TAP version 14\n1..2\n# Subtest: foo.tap\n    1..2\n    ok 1\n"
	      "    ok 2 - this passed\nok 1 - foo.tap\n# Subtest: bar.tap\n"
	      "    ok 1 - object\n    1..1\nok 2 - bar.tap\n",
	      "PASS foo.tap.test 1\nPASS foo.tap.this passed\n-PASS foo.tap\n"
	      "PASS bar.tap.object\n-PASS bar.tap\n= PASS");
	/* A YAML block is no result. */
	check("TAP version 14\n1..2\nnot ok 1 - a\n  ---\n  ok 2 b\n  at: x.c:1\n  ...\n"
	      "ok 2 - c\n",
	      "FAIL a\nPASS c\n= FAIL");
}

static const char kselftest[] =
	"TAP version 13\n"
	"1..4\n"
	"# timeout set to 45\n"
	"# selftests: timers: posix_timers\n"
	"# TAP version 13\n"
	"# 1..2\n"
	"# # Testing posix timers.\n"
	"# ok 1 check_itimer # SKIP not now\n"
	"# not ok 2 check_timer\n"
	"# # Totals: pass:0 fail:1 xfail:0 xpass:0 skip:1 error:0\n"
	"not ok 1 selftests: timers: posix_timers # exit=1\n"
	"# timeout set to 45\n"
	"# selftests: timers: nanosleep\n"
	"# ok 9 this is only what it prints\n"
	"ok 2 selftests: timers: nanosleep\n"
	"# selftests: timers: set\n"
	"#\n"
	"not ok 3 selftests: timers: set # TIMEOUT 45 seconds\n"
	"# selftests: timers: raw_skew\n"
	"ok 4 selftests: timers: raw_skew # SKIP\n";

static void test_kselftest(void **state)
{
	(void)state;
	check(kselftest, "SKIP selftests.timers.posix_timers.check_itimer: not now\n"
			 "FAIL selftests.timers.posix_timers.check_timer\n"
			 "-FAIL selftests.timers.posix_timers: exit=1\n"
			 "PASS selftests.timers.nanosleep\n"
			 "FAIL selftests.timers.set: timeout: 45 seconds\n"
			 "SKIP selftests.timers.raw_skew\n"
			 "= FAIL");
}

static void test_cut(void **state)
{
	(void)state;
	/* The header tells what ran when the kernel died. */
	check("TAP version 13\n1..4\n# selftests: a: one\nok 1 selftests: a: one\n"
	      "# selftests: a: two\n# bang\n[   12.3] Kernel panic - not syncing: x\n",
	      "PASS selftests.a.one\n"
	      "ERROR selftests.a.two: it was running when the output ended\n"
	      "MISS tests 3-4 x2: planned, and there is no result\n"
	      "! the test suite: the plan was 1..4, and 2 of its tests have no result\n"
	      "= ERROR, cut in selftests.a.two");
	/* Without one, the number does. */
	check("KTAP version 1\n1..3\nok 1 a\n",
	      "PASS a\nERROR test 2: it was running when the output ended\n"
	      "MISS test 3: planned, and there is no result\n"
	      "! the test suite: the plan was 1..3, and 1 of its tests have no result\n"
	      "= ERROR, cut in test 2");
	/* In a test of a test. */
	check("KTAP version 1\n1..2\n    KTAP version 1\n    # Subtest: s\n    1..3\n"
	      "    ok 1 x\n",
	      "PASS s.x\nERROR s.test 2: it was running when the output ended\n"
	      "MISS s.test 3: planned, and there is no result\n"
	      "-ERROR s: it was running when the output ended\n"
	      "MISS test 2: planned, and there is no result\n"
	      "! s: the plan was 1..3, and 1 of its tests have no result\n"
	      "! the test suite: the plan was 1..2, and 1 of its tests have no result\n"
	      "= ERROR, cut in s.test 2");
	/* Behind "# ". */
	check("TAP version 13\n1..1\n# selftests: a: one\n# TAP version 13\n# 1..2\n"
	      "# ok 1 x\n",
	      "PASS selftests.a.one.x\n"
	      "ERROR selftests.a.one.test 2: it was running when the output ended\n"
	      "-ERROR selftests.a.one: it was running when the output ended\n"
	      "= ERROR, cut in selftests.a.one.test 2");
	/* All results are there, and the parent's is not. */
	check("KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: s\n    1..1\n"
	      "    ok 1 x\n",
	      "PASS s.x\n+ERROR s: it was running when the output ended\n"
	      "= ERROR, cut in s");
}

/* Every prefix of real output: never a pass that the whole does not have, never PASS. */
static void test_cut_anywhere_is_never_a_pass(void **state)
{
	static const char passes[] =
		"KTAP version 1\n1..2\n    KTAP version 1\n"
		"    # Subtest: s\n    1..2\n    ok 1 x\n    ok 2 y\n"
		"ok 1 s\nok 2 t\n";
	size_t n = strlen(passes);

	(void)state;
	/* "ok 2" is the whole line but for its name. */
	for (size_t i = 0; i < n - strlen(" t\n"); i++) {
		char *part = strndup(passes, i);
		char *text = results_read(READER_KTAP, part);

		assert_non_null(strstr(text, "= ERROR"));
		free(text);
		free(part);
	}
}

static void test_plans(void **state)
{
	(void)state;
	check("KTAP version 1\n1..4\nok 1 a\nok 3 c\nok 4 d\n",
	      "PASS a\nPASS c\nPASS d\nMISS test 2: planned, and there is no result\n"
	      "! the test suite: the plan was 1..4, and 1 of its tests have no result\n"
	      "= ERROR");
	check("KTAP version 1\n1..1\nok 1 a\nok 2 b\n",
	      "PASS a\nPASS b\n! the test suite: a result with a number that is not in "
	      "the plan (1..1)\n= ERROR");
	check("TAP version 13\nok 1 a\nok 2 b\n1..1\n",
	      "PASS a\nPASS b\n! the test suite: the plan was 1..1, and there are 2 "
	      "results\n= ERROR");
	check("TAP version 13\nok 1 a\n1..3\n",
	      "PASS a\nMISS tests 2-3 x2: planned, and there is no result\n"
	      "! the test suite: the plan was 1..3, and 2 of its tests have no result\n"
	      "= ERROR");
	check("KTAP version 1\n1..2\n1..3\nok 1 a\nok 2 b\n",
	      "PASS a\nPASS b\n! a second plan, 1..3, contradicts the first\n= ERROR");
	check("KTAP version 1\n1..2\nok 2 b\nok 1 a\n",
	      "PASS b\nPASS a\n? the test suite: result 1 came after 2\n= PASS");
	check("KTAP version 1\n1..2\nok 1 a\nok 1 a\nok 2 b\n",
	      "PASS a\nPASS a\nPASS b\n! the test suite: a second result with the number "
	      "1\n= ERROR");
	/* The kernel's dialect may leave it out. */
	check("KTAP version 1\nok 1 a\nok 2 b\n", "PASS a\nPASS b\n= PASS");
	check("TAP version 13\n1..0 # SKIP no hardware\n",
	      "SKIP all tests: no hardware\n= SKIP");
	check("TAP version 13\n1..2\n# selftests: a: b\n# TAP version 13\n"
	      "# 1..0 # SKIP need root\nok 1 selftests: a: b\nok 2 c\n",
	      "SKIP selftests.a.b: need root\nPASS c\n= PASS");
}

static void test_huge_plan_takes_no_memory(void **state)
{
	(void)state;
	check("KTAP version 1\n1..2147483648\nok 2 b\n",
	      "PASS b\nERROR test 3: it was running when the output ended\n"
	      "MISS test 1: planned, and there is no result\n"
	      "MISS tests 4-2147483648 x2147483645: planned, and there is no result\n"
	      "! the test suite: the plan was 1..2147483648, and 2147483646 of its tests "
	      "have no result\n= ERROR, cut in test 3");
	check("KTAP version 1\n1..99999999999999999999\nok 1 a\n",
	      "PASS a\n! a plan of more than 2147483648 tests\n= ERROR");
	check("KTAP version 1\n1..2\nok 99999999999999999999 a\nok 1 b\nok 2 c\n",
	      "PASS a\nPASS b\nPASS c\n! the test suite: a result with a number that is "
	      "not in the plan (1..2)\n? the test suite: result 1 came after "
	      "18446744073709551615\n= ERROR");
}

static void test_many_gaps_are_one_line(void **state)
{
	_buf_ struct buf b = BUF_INIT;
	char *text;

	(void)state;
	assert_int_equal(buf_printf(&b, "KTAP version 1\n1..1001\n"), 0);
	for (unsigned i = 1; i <= 1001; i += 2)
		assert_int_equal(buf_printf(&b, "ok %u t%u\n", i, i), 0);
	text = results_read(READER_KTAP, buf_str(&b));
	assert_non_null(strstr(text, "MISS test 64: "));
	assert_non_null(strstr(text, "MISS tests 66-1001 x468: "));
	assert_non_null(strstr(text, "500 of its tests have no result"));
	free(text);
}

static void test_contradictions(void **state)
{
	(void)state;
	check("KTAP version 1\n1..1\n    KTAP version 1\n    1..2\n    ok 1 x\n"
	      "    not ok 2 y\nok 1 s\n",
	      "PASS s.x\nFAIL s.y\n-FAIL s: it says PASS, but s.y below it is not well\n"
	      "= FAIL");
	/* Also two levels up, and also when it is a skip that hides it. */
	check("KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n    KTAP version 1\n"
	      "    1..1\n    not ok 1 y\n  ok 1 m # SKIP\nok 1 s\n",
	      "FAIL s.m.y\n-FAIL s.m: it says SKIP, but s.m.y below it is not well\n"
	      "-FAIL s: it says PASS, but s.m below it is not well\n= FAIL");
	/* The parent's own fault counts. */
	check("KTAP version 1\n1..1\n    KTAP version 1\n    1..1\n    ok 1 x\n"
	      "not ok 1 s\n",
	      "PASS s.x\n+FAIL s\n= FAIL");
	/* Results are missing in a group that says it is well. */
	check("KTAP version 1\n1..1\n    KTAP version 1\n    1..2\n    ok 1 x\nok 1 s\n",
	      "PASS s.x\nMISS s.test 2: planned, and there is no result\n"
	      "-FAIL s: it says PASS, but s.test 2 below it is not well\n"
	      "! the test suite: the plan was 1..2, and 1 of its tests have no result\n"
	      "= ERROR");
}

static void test_bail_out(void **state)
{
	(void)state;
	check("TAP version 13\n1..3\nok 1 a\nBail out! no memory\nok 2 b\n",
	      "PASS a\nMISS tests 2-3 x2: planned, and there is no result\n"
	      "! it bailed out: no memory\n"
	      "! the test suite: the plan was 1..3, and 2 of its tests have no result\n"
	      "= ERROR, cut in ?");
}

static void test_nothing_is_no_pass(void **state)
{
	static const char *const outputs[] = {"",
					      "\n",
					      "KTAP version 1\n",
					      "Linux version 6.18\nok then\nnot ok\n",
					      "TAP version 13\n# all is well\n",
					      "ok\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(outputs); i++)
		check(outputs[i], "! there is no test result in it\n= ERROR");
	/* Without numbers nothing is a result in the kernel's dialect. */
	check("KTAP version 1\n1..1\nok we go on\n",
	      "ERROR test 1: it was running when the output ended\n= ERROR, cut in test "
	      "1");
}

static void test_streams_in_a_row(void **state)
{
	(void)state;
	check("KTAP version 1\n1..1\nok 1 a\nKTAP version 1\n1..1\nok 1 b\n",
	      "PASS a\nPASS b\n= PASS");
	/* The board rebooted within the first. */
	check("KTAP version 1\n1..2\nok 1 a\nLinux version 6.1\nKTAP version 1\n1..1\n"
	      "ok 1 b\n",
	      "PASS a\nMISS test 2: planned, and there is no result\nPASS b\n"
	      "! the test suite: the plan was 1..2, and 1 of its tests have no result\n"
	      "= ERROR");
	/* The log begins in the middle. */
	check("    ok 2 x\nok 1 s\n1..1\n",
	      "PASS x\nPASS s\n? results without a version line and a plan before them: "
	      "the beginning may be missing\n? the test suite: result 1 came after 2\n! "
	      "the test suite: the plan was 1..1, and "
	      "there are 2 results\n= ERROR");
}

/* As KUnit's modules print: a suite's result is in the first column, its tests are not.
 */
static void test_modules_suites(void **state)
{
	(void)state;
	check("    KTAP version 1\n    # Subtest: a\n    1..2\n    ok 1 x\n    not ok 2 "
	      "y\nnot ok 15 a\n    KTAP version 1\n    # Subtest: b\n    1..1\n"
	      "    ok 1 z # SKIP no\nok 16 b # SKIP\n",
	      "PASS a.x\nFAIL a.y\n-FAIL a\nSKIP b.z: no\n-SKIP b\n= FAIL");
	/* The second one never ends. */
	check("    KTAP version 1\n    # Subtest: a\n    1..1\n    ok 1 x\nok 1 a\n"
	      "    KTAP version 1\n    # Subtest: b\n    1..2\n    ok 1 z\n",
	      "PASS a.x\n-PASS a\nPASS b.z\nERROR b.test 2: it was running when the "
	      "output ended\n-ERROR b: it was running when the output ended\n= ERROR, "
	      "cut in b.test 2");
	/* Two whole outputs that somebody indented. */
	check("    KTAP version 1\n    1..1\n    ok 1 x\n    KTAP version 1\n    1..1\n"
	      "    not ok 1 y\n",
	      "PASS x\nFAIL y\n= FAIL");
	check("    KTAP version 1\n    ok 1 x\n", "PASS x\n= PASS");
	/* The board rebooted within the only one. */
	check("    KTAP version 1\n    1..2\n    ok 1 x\nKTAP version 1\n1..1\nok 1 y\n",
	      "PASS test 1.x\nMISS test 1.test 2: planned, and there is no "
	      "result\n-ERROR "
	      "test 1: it began, and has no result\nPASS y\n! the test suite: the plan "
	      "was 1..2, and 1 of its tests have no result\n= ERROR");
}

static void test_endless_nesting(void **state)
{
	_buf_ struct buf b = BUF_INIT;
	char *text;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		assert_int_equal(buf_printf(&b, "%*sKTAP version 1\n%*s1..1\n", 2 * i, "",
					    2 * i, ""),
				 0);
	}
	text = results_read(READER_KTAP, buf_str(&b));
	assert_non_null(strstr(text, "! nested deeper than 16 levels"));
	assert_non_null(strstr(text, "= ERROR"));
	free(text);
}

static void test_hostile_bytes(void **state)
{
	static const char output[] = "KTAP version 1\n1..2\nok 1 a\xff\x01 b\x9b"
				     "31m\n\033]0;title\aok 2 \033[31mred\033[0m\n";

	(void)state;
	check(output, "PASS a\\xff\\x01 b\\x9b31m\nPASS red\n= PASS");
}

static void test_long_lines_and_many_tests(void **state)
{
	_suite_ struct suite_run s = {0};
	struct kf_error err = {0};
	struct reader *reader;
	char *line = malloc(10 << 20);

	(void)state;
	memset(line, 'x', 10 << 20);
	assert_int_equal(reader_new(NULL, READER_KTAP, &reader), 0);
	assert_int_equal(reader_feed(reader, "KTAP version 1\nok 1 ", 20), 0);
	assert_int_equal(reader_feed(reader, line, 10 << 20), 0);
	assert_int_equal(reader_feed(reader, "\n", 1), 0);
	for (unsigned i = 2; i <= SUITE_TESTS + 10; i++) {
		char ok[32];
		int n = snprintf(ok, sizeof(ok), "ok %u t\n", i);

		assert_int_equal(reader_feed(reader, ok, (size_t)n), 0);
	}
	assert_int_equal(reader_end(reader, &s, &err), 0);
	assert_int_equal(s.n, SUITE_TESTS);
	assert_int_equal(s.more_tests, 10);
	assert_int_equal(strlen(s.tests[0].name), SUITE_NAME);
	assert_int_equal(suite_verdict(&s), TEST_ERROR);
	reader_free(reader);
	free(line);
}

static void feed(struct reader *reader, const char *text)
{
	assert_int_equal(reader_feed(reader, text, strlen(text)), 0);
}

/* What was printed before a result that is no pass is kept, and bounded. */
static void test_output_of_failures(void **state)
{
	_suite_ struct suite_run s = {0};
	struct kf_error err = {0};
	struct reader *reader;

	(void)state;
	assert_int_equal(reader_new(NULL, READER_KTAP, &reader), 0);
	feed(reader, "KTAP version 1\n1..3\n# one\nok 1 a\n");
	for (int i = 0; i < 5000; i++)
		feed(reader, "# noise\n");
	feed(reader, "# x.c:12: why\nnot ok 2 b\nok 3 c\n");
	assert_int_equal(reader_end(reader, &s, &err), 0);
	assert_null(s.tests[0].output);
	assert_non_null(strstr(s.tests[1].output, "# x.c:12: why\n"));
	assert_true(strlen(s.tests[1].output) <= SUITE_OUTPUT);
	assert_null(s.tests[2].output);
	reader_free(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flat),
		cmocka_unit_test(test_directives),
		cmocka_unit_test(test_kunit),
		cmocka_unit_test(test_kunit_on_a_console),
		cmocka_unit_test(test_kunit_of_old),
		cmocka_unit_test(test_tap14_subtests),
		cmocka_unit_test(test_kselftest),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_cut_anywhere_is_never_a_pass),
		cmocka_unit_test(test_plans),
		cmocka_unit_test(test_huge_plan_takes_no_memory),
		cmocka_unit_test(test_many_gaps_are_one_line),
		cmocka_unit_test(test_contradictions),
		cmocka_unit_test(test_bail_out),
		cmocka_unit_test(test_nothing_is_no_pass),
		cmocka_unit_test(test_streams_in_a_row),
		cmocka_unit_test(test_modules_suites),
		cmocka_unit_test(test_endless_nesting),
		cmocka_unit_test(test_hostile_bytes),
		cmocka_unit_test(test_long_lines_and_many_tests),
		cmocka_unit_test(test_output_of_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
