// SPDX-License-Identifier: GPL-2.0-or-later
/* Attempts at a suite: however they end, what becomes of each test; whose finding it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "controller/log/patterns.h"
#include "controller/results/expect.h"
#include "controller/suite/attempt.h"
#include "controller/suite/flaky.h"

#include "tests/lib/controller/logs.h"
#include "tests/lib/controller/results.h"

#define KTAP "KTAP version 1\n1..3\n"

static struct patterns *patterns;

struct run {
	struct classifier *c;
	struct attempt a;
	struct suite_run s;
};

static void begin(struct run *r, const char *format)
{
	*r = (struct run){.c = NULL};
	assert_int_equal(classifier_new(patterns, &r->c), 0);
	assert_int_equal(classifier_source(r->c, "dmesg", "test"), 0);
	assert_int_equal(attempt_init(&r->a, "suite", format, 77, r->c), 0);
}

static void say(struct run *r, const char *text)
{
	assert_int_equal(attempt_output(&r->a, text, strlen(text)), 0);
}

static void kernel(struct run *r, const char *text)
{
	static unsigned seq = 1;
	char record[256];
	int n = snprintf(record, sizeof(record), "4,%u,%u000,-;%s\n", seq, seq, text);

	seq++;
	assert_int_equal(attempt_record(&r->a, record, (size_t)n), 0);
}

/* A report that has ended. */
static void kernel_reports(struct run *r, const char *head)
{
	kernel(r, head);
	kernel(r, "---[ end trace 0000000000000000 ]---");
}

static void end(struct run *r, enum attempt_how how, int status, const char *text,
		const char *expected)
{
	const struct attempt_end e = {.how = how, .status = status, .text = text};
	struct kf_error err = {0};
	char *got;

	assert_int_equal(attempt_end(&r->a, &e, &r->s, &err), 0);
	got = results_text(&r->s);
	assert_string_equal(got, expected);
	free(got);
}

static void finish(struct run *r)
{
	suite_fini(&r->s);
	attempt_fini(&r->a);
	classifier_free(r->c);
}

static void ends(const char *format, const char *output, enum attempt_how how, int status,
		 const char *text, const char *expected)
{
	struct run r;

	begin(&r, format);
	say(&r, output);
	end(&r, how, status, text, expected);
	finish(&r);
}

static void test_exit_decides(void **state)
{
	(void)state;
	ends("exit", "hello\n", ATTEMPT_EXITED, 0, NULL, "PASS suite\n= PASS");
	ends("exit", "", ATTEMPT_EXITED, 3, NULL, "FAIL suite: exit status 3\n= FAIL");
	ends("exit", "", ATTEMPT_EXITED, 127, NULL,
	     "ERROR suite: exit status 127: it is not there\n= ERROR");
	ends("exit", "", ATTEMPT_EXITED, 77, NULL, "SKIP suite: exit status 77\n= SKIP");
	ends("exit", KTAP "ok 1 a\nok 2 b\nnot ok 3 c\n", ATTEMPT_EXITED, 0, NULL,
	     "PASS a\nPASS b\nFAIL c\n= FAIL");
	ends("exit", KTAP "ok 1 a\nok 2 b\nok 3 c\n", ATTEMPT_EXITED, 2, NULL,
	     "PASS a\nPASS b\nPASS c\n"
	     "FAIL suite: exit status 2, and no test of it failed\n= FAIL");
}

static void test_runners_status(void **state)
{
	(void)state;
	/* A runner that tells of failures tells what the tests told. */
	ends("ktap", KTAP "ok 1 a\nnot ok 2 b\nok 3 c\n", ATTEMPT_EXITED, 1, NULL,
	     "PASS a\nFAIL b\nPASS c\n= FAIL");
	ends("ktap", KTAP "ok 1 a\nok 2 b\nok 3 c\n", ATTEMPT_EXITED, 1, NULL,
	     "PASS a\nPASS b\nPASS c\n"
	     "! the suite ended with exit status 1, and no test of it failed\n= ERROR");
	ends("ktap", "nothing\n", ATTEMPT_EXITED, 0, NULL,
	     "! there is no test result in it\n= ERROR");
}

static void test_the_test_that_ran(void **state)
{
	(void)state;
	ends("ktap", KTAP "ok 1 a\n", ATTEMPT_DIED, 0, "panic: \"x\"",
	     "PASS a\nFAIL test 2: panic: \"x\"\nMISS test 3: planned, and there is no "
	     "result\n"
	     "! the test suite: the plan was 1..3, and 1 of its tests have no result\n"
	     "= FAIL, cut in test 2");
	ends("ktap", KTAP "# selftests: net: b.sh\n", ATTEMPT_TIMED_OUT, 0,
	     "at its limit",
	     "FAIL selftests.net.b.sh: at its limit\n"
	     "MISS tests 2-3 x2: planned, and there is no result\n"
	     "! the test suite: the plan was 1..3, and 2 of its tests have no result\n"
	     "= FAIL, cut in selftests.net.b.sh");
	ends("exit", "working\n", ATTEMPT_TIMED_OUT, 0, "at its limit",
	     "FAIL suite: at its limit\n= FAIL, cut in suite");
	ends("exit", "", ATTEMPT_LOST, 0, "the network",
	     "ERROR suite: the network\n= ERROR, cut in suite");
	ends("exit", "", ATTEMPT_FAILED, 0, "no such program",
	     "ERROR suite: no such program\n= ERROR, cut in suite");
	/* All had ended: then it was the suite. */
	ends("ktap", "KTAP version 1\n1..1\nok 1 a\n", ATTEMPT_DIED, 0, "panic",
	     "PASS a\nFAIL suite: panic\n= FAIL, cut in suite");
}

static void test_a_finding_is_the_running_tests(void **state)
{
	static const char warning[] =
		"WARNING: CPU: 0 PID: 1 at kernel/a.c:10 a_fn+0x1/0x2";
	struct attempt_finding *f;
	struct run r;
	size_t n;

	(void)state;
	begin(&r, "ktap");
	kernel_reports(&r, "BUG: sleeping function called from invalid context at x.c:1");
	say(&r, KTAP "ok 1 a\n");
	kernel_reports(&r, warning);
	say(&r, "ok 2 b\nok 3 c\n");
	kernel_reports(&r, "kernel BUG at fs/z.c:7!");
	assert_int_equal(attempt_findings(&r.a, &r.s, &f, &n), 0);
	attempt_findings_free(f, n);
	end(&r, ATTEMPT_EXITED, 0, NULL, "PASS a\nPASS b\nPASS c\n= PASS");
	assert_int_equal(attempt_findings(&r.a, &r.s, &f, &n), 0);
	assert_int_equal(n, 3);
	assert_string_equal(f[0].test, "a");
	assert_string_equal(f[1].test, "b");
	assert_null(f[2].test);
	assert_int_equal(attempt_blame(&r.s, f[1].test, "kernel: %s", f[1].title), 0);
	assert_int_equal(attempt_blame(&r.s, f[2].test, "kernel: %s", "x"), 0);
	assert_int_equal(r.s.tests[1].status, TEST_FAIL);
	assert_string_equal(r.s.tests[3].name, "kernel log");
	assert_int_equal(suite_verdict(&r.s), TEST_FAIL);
	attempt_findings_free(f, n);
	finish(&r);
}

static void test_findings_of_attempts_before_are_not_its(void **state)
{
	struct attempt second;
	struct attempt_finding *f;
	struct run r;
	size_t n;

	(void)state;
	begin(&r, "exit");
	kernel(&r, "kernel BUG at fs/z.c:7!");
	kernel(&r, "usb 1-1: new device");
	end(&r, ATTEMPT_EXITED, 0, NULL, "PASS suite\n= PASS");
	assert_int_equal(attempt_init(&second, "again", "exit", -1, r.c), 0);
	assert_int_equal(attempt_findings(&second, &r.s, &f, &n), 0);
	assert_int_equal(n, 0);
	attempt_findings_free(f, n);
	attempt_fini(&second);
	finish(&r);
}

/* --- attempts put together ---------------------------------------------------------- */

static void read_suite(const char *output, struct suite_run *ret)
{
	struct kf_error err = {0};
	struct reader *reader;

	assert_int_equal(reader_new("s", READER_KTAP, &reader), 0);
	assert_int_equal(reader_feed(reader, output, strlen(output)), 0);
	assert_int_equal(reader_end(reader, ret, &err), 0);
	reader_free(reader);
}

static void merged(const char *first, const char *then, const char *last,
		   const char *expected)
{
	_suite_ struct suite_run s = {0}, t = {0}, u = {0};
	char *text;

	read_suite(first, &s);
	read_suite(then, &t);
	assert_int_equal(flaky_merge(&s, &t), 0);
	if (last) {
		read_suite(last, &u);
		assert_int_equal(flaky_merge(&s, &u), 0);
	}
	text = results_text(&s);
	assert_string_equal(text, expected);
	free(text);
}

static void test_what_passes_later_is_flaky(void **state)
{
	(void)state;
	merged(KTAP "ok 1 a\nnot ok 2 b\nnot ok 3 c\n",
	       KTAP "ok 1 a\nok 2 b\nnot ok 3 c\n", NULL,
	       "PASS a try2\nPASS b try2: flaky: FAIL, then PASS\nFAIL c try2\n= FAIL");
	merged(KTAP "ok 1 a\nnot ok 2 b\nnot ok 3 c\n",
	       KTAP "not ok 1 a\nnot ok 2 b\nnot ok 3 c # x\n",
	       KTAP "ok 1 a\nok 2 b\nok 3 c\n",
	       "PASS a try3: flaky: PASS, then FAIL, then PASS\n"
	       "PASS b try3: flaky: FAIL (2 times), then PASS\n"
	       "PASS c try3: flaky: FAIL (2 times), then PASS\n= PASS");
	merged(KTAP "ok 1 a # SKIP\nnot ok 2 b\nok 3 c\n",
	       KTAP "not ok 1 a\nok 2 b # SKIP\nok 3 c\n", NULL,
	       "FAIL a try2\nFAIL b try2\nPASS c try2\n= FAIL");
}

/* A second attempt that ended so, on top of a first that came to its end. */
static void merged_end(const char *format, const char *first, const char *then,
		       enum attempt_how how, int status, const char *expected)
{
	const struct attempt_end exits = {.how = ATTEMPT_EXITED, .status = 1};
	const struct attempt_end e = {.how = how, .status = status, .text = "why"};
	struct kf_error err = {0};
	struct suite_run s;
	struct run r;
	char *text;

	begin(&r, format);
	say(&r, first);
	assert_int_equal(attempt_end(&r.a, &exits, &s, &err), 0);
	attempt_fini(&r.a);
	assert_int_equal(attempt_init(&r.a, "suite", format, 77, r.c), 0);
	say(&r, then);
	assert_int_equal(attempt_end(&r.a, &e, &r.s, &err), 0);
	assert_int_equal(flaky_merge(&s, &r.s), 0);
	text = results_text(&s);
	assert_string_equal(text, expected);
	assert_false(how != ATTEMPT_EXITED && flaky_may_retry(&s));
	free(text);
	suite_fini(&s);
	finish(&r);
}

static void test_another_attempt_that_does_not_end_is_not_excused(void **state)
{
	static const char first[] = "TAP version 13\n1..2\n# selftests: net: a.sh\n"
				    "ok 1 selftests: net: a.sh\n"
				    "# selftests: net: b.sh\n"
				    "not ok 2 selftests: net: b.sh\n";

	(void)state;
	/* After its last test. */
	merged_end("ktap", KTAP "ok 1 a\nnot ok 2 b\nok 3 c\n",
		   KTAP "ok 1 a\nok 2 b\nok 3 c\n", ATTEMPT_TIMED_OUT, 0,
		   "PASS a try2\nPASS b try2: flaky: FAIL, then PASS\nPASS c try2\n"
		   "FAIL suite: why\n= FAIL, cut in suite");
	/* In one that is not known by its name yet. */
	merged_end("ktap", KTAP "ok 1 a\nnot ok 2 b\nok 3 c\n", KTAP "ok 1 a\nok 2 b\n",
		   ATTEMPT_DIED, 0,
		   "PASS a try2\nPASS b try2: flaky: FAIL, then PASS\nPASS c\n"
		   "FAIL test 3: why\n= FAIL, cut in test 3");
	/* In one that has passed before. */
	merged_end("ktap", first, "TAP version 13\n1..2\n# selftests: net: a.sh\n",
		   ATTEMPT_DIED, 0,
		   "FAIL selftests.net.a.sh try2: why\nFAIL selftests.net.b.sh\n"
		   "MISS test 2: planned, and there is no result\n"
		   "! when it ran again: the test suite: the plan was 1..2, and 1 of its "
		   "tests have no result\n= FAIL, cut in selftests.net.a.sh");
}

static void test_a_runner_that_fails_in_another_attempt_is_not_excused(void **state)
{
	(void)state;
	merged_end("exit", KTAP "ok 1 a\nnot ok 2 b\nok 3 c\n",
		   KTAP "ok 1 a\nok 2 b\nok 3 c\n", ATTEMPT_EXITED, 3,
		   "PASS a try2\nPASS b try2: flaky: FAIL, then PASS\nPASS c try2\n"
		   "FAIL suite: exit status 3, and no test of it failed\n= FAIL");
}

static void test_what_did_not_end_is_not_expected(void **state)
{
	static const char text[] = "\"test 3\" never worked\n";
	const struct attempt_end e = {.how = ATTEMPT_DIED, .text = "why"};
	_expect_ struct expect x = {0};
	struct kf_error err = {0};
	struct run r;

	(void)state;
	begin(&r, "ktap");
	say(&r, KTAP "ok 1 a\nok 2 b\n");
	assert_int_equal(attempt_end(&r.a, &e, &r.s, &err), 0);
	assert_int_equal(expect_parse(text, strlen(text), "x", &x, &err), 0);
	assert_int_equal(expect_apply(&x, &r.s), 0);
	assert_int_equal(r.s.tests[2].status, TEST_FAIL);
	assert_int_equal(suite_verdict(&r.s), TEST_FAIL);
	finish(&r);
}

static void test_groups_are_as_well_as_their_tests(void **state)
{
	static const char format[] = "KTAP version 1\n1..1\n  KTAP version 1\n  1..2\n"
				     "  %s 1 a\n  %s 2 b\n%s 1 g\n";
	char first[256], then[256];

	(void)state;
	snprintf(first, sizeof(first), format, "not ok", "ok", "not ok");
	snprintf(then, sizeof(then), format, "ok", "not ok", "not ok");
	merged(first, then, NULL,
	       "PASS g.a try2: flaky: FAIL, then PASS\n"
	       "PASS g.b try2: flaky: PASS, then FAIL\n-PASS g try2\n= PASS");
	snprintf(then, sizeof(then), format, "not ok", "not ok", "not ok");
	merged(first, then, NULL,
	       "FAIL g.a try2\nPASS g.b try2: flaky: PASS, then FAIL\n-FAIL g try2\n"
	       "= FAIL");
}

static void test_a_group_that_fails_by_itself_is_not_excused(void **state)
{
	static const char format[] =
		"KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n"
		"    KTAP version 1\n    1..2\n    %s 1 a\n    %s 2 b\n"
		"  %s 1 h%s\n%s 1 g\n";
	char first[256], itself[256], good[256];

	(void)state;
	snprintf(first, sizeof(first), format, "not ok", "ok", "not ok", "", "not ok");
	snprintf(itself, sizeof(itself), format, "ok", "ok", "not ok", " # exit=139",
		 "not ok");
	snprintf(good, sizeof(good), format, "ok", "ok", "ok", "", "ok");
	merged(first, itself, NULL,
	       "PASS g.h.a try2: flaky: FAIL, then PASS\nPASS g.h.b try2\n"
	       "+FAIL g.h try2: exit=139\n-FAIL g try2\n= FAIL");
	merged(itself, first, NULL,
	       "PASS g.h.a try2: flaky: PASS, then FAIL\nPASS g.h.b try2\n"
	       "+FAIL g.h try2: exit=139\n-FAIL g try2\n= FAIL");
	/* It may have passed another time as well. */
	merged(first, itself, good,
	       "PASS g.h.a try3: flaky: FAIL, then PASS, then PASS\nPASS g.h.b try3\n"
	       "-PASS g.h try3: flaky: FAIL (2 times), then PASS\n"
	       "-PASS g try3: flaky: FAIL (2 times), then PASS\n= PASS");
}

static void test_when_to_run_again(void **state)
{
	_suite_ struct suite_run s = {0}, cut = {0}, good = {0};
	char **names;
	size_t n;

	(void)state;
	read_suite(KTAP "ok 1 a\nnot ok 2 b\nnot ok 3 c d\n", &s);
	assert_true(flaky_may_retry(&s));
	assert_int_equal(flaky_failed(&s, &names, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(names[0], "b");
	assert_string_equal(names[1], "c d");
	assert_null(names[2]);
	free(names);
	read_suite(KTAP "not ok 1 a\n", &cut);
	assert_false(flaky_may_retry(&cut));
	read_suite(KTAP "ok 1 a\nok 2 b\nok 3 c # SKIP\n", &good);
	assert_false(flaky_may_retry(&good));
}

static int setup(void **state)
{
	(void)state;
	patterns = logs_patterns();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	patterns_free(patterns);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_decides),
		cmocka_unit_test(test_runners_status),
		cmocka_unit_test(test_the_test_that_ran),
		cmocka_unit_test(test_a_finding_is_the_running_tests),
		cmocka_unit_test(test_findings_of_attempts_before_are_not_its),
		cmocka_unit_test(test_what_passes_later_is_flaky),
		cmocka_unit_test(test_another_attempt_that_does_not_end_is_not_excused),
		cmocka_unit_test(
			test_a_runner_that_fails_in_another_attempt_is_not_excused),
		cmocka_unit_test(test_what_did_not_end_is_not_expected),
		cmocka_unit_test(test_groups_are_as_well_as_their_tests),
		cmocka_unit_test(test_a_group_that_fails_by_itself_is_not_excused),
		cmocka_unit_test(test_when_to_run_again),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
