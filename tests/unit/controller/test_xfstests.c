// SPDX-License-Identifier: GPL-2.0-or-later
/* xfstests' check: ends of lines, lists, what a console does to them, and which format it
 * is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/lib/controller/results.h"

#define HEAD                                                                             \
	"FSTYP         -- ext4\nPLATFORM      -- Linux/x86_64 box 6.18.0 #1 SMP\n"       \
	"MKFS_OPTIONS  -- /dev/vdb\nMOUNT_OPTIONS -- -o acl /dev/vdb /mnt/scratch\n\n"

static void check(const char *output, const char *expected)
{
	results_check(READER_XFSTESTS, output, expected);
}

static const char all[] = HEAD
	"generic/001 4s ...  5s\n"
	"generic/002\t 3s\n"
	"generic/003       [not run] this test requires a valid $SCRATCH_DEV\n"
	"generic/004 2s ... [failed, exit status 1]- output mismatch (see x.out.bad)\n"
	"    --- tests/generic/004.out\n"
	"    +++ x.out.bad\n"
	"generic/005\t[expunged]\n"
	"generic/006 1s ... - output mismatch (see y.out.bad)\n"
	"generic/007 1s ... _check_dmesg: something found in dmesg (see z)\n"
	"Ran: generic/001 generic/002 generic/003 generic/004 generic/006 generic/007\n"
	"Not run: generic/003\n"
	"Failures: generic/004 generic/006 generic/007\n"
	"Failed 3 of 6 tests\n\n";

static const char all_text[] =
	"PASS generic/001 5000ms\nPASS generic/002 3000ms\n"
	"SKIP generic/003: this test requires a valid $SCRATCH_DEV\n"
	"FAIL generic/004: [failed, exit status 1]- output mismatch (see x.out.bad)\n"
	"SKIP generic/005: [expunged]\n"
	"FAIL generic/006: - output mismatch (see y.out.bad)\n"
	"FAIL generic/007: _check_dmesg: something found in dmesg (see z)\n= FAIL";

static void test_all_ends(void **state)
{
	(void)state;
	check(all, all_text);
	check(HEAD "generic/001 4s ...  5s\nRan: generic/001\nPassed all 1 tests\n",
	      "PASS generic/001 5000ms\n= PASS");
}

static void test_kernel_lines_between(void **state)
{
	(void)state;
	check(HEAD "generic/001 4s ... [   12.5] EXT4-fs (vdb): mounted filesystem\n"
		   "[   13.5] run fstests generic/001 at 2026-11-30\n 5s\n"
		   "Ran: generic/001\n",
	      "PASS generic/001 5000ms\n= PASS");
	check(HEAD "[   12.5] generic/001 4s ... [   12.6] XFS: oops\n"
		   "[not run] no device\nRan: generic/001\n",
	      "SKIP generic/001: no device\n= SKIP");
}

static void test_cut(void **state)
{
	(void)state;
	check(HEAD "generic/001 4s ...  5s\ngeneric/002 3s ... \n"
		   "[   99.1] Kernel panic - not syncing: x\n",
	      "PASS generic/001 5000ms\n"
	      "ERROR generic/002: it was running when the output ended\n"
	      "! the output ends before the list of what ran\n= ERROR, cut in "
	      "generic/002");
	check(HEAD "generic/001 4s ...  5s\n",
	      "PASS generic/001 5000ms\n! the output ends before the list of what ran\n"
	      "= ERROR, cut in ?");
	check(HEAD, "! there is no test result in it\n= ERROR");
	check(HEAD "generic/001 4s ...  5s\nInterrupted!\nRan: generic/001\n",
	      "PASS generic/001 5000ms\n! it was interrupted\n= ERROR");
	/* No result before the next one begins. */
	check(HEAD "generic/001 4s ...\ngeneric/002 1s ... 1s\n"
		   "Ran: generic/001 generic/002\n",
	      "ERROR generic/001: it began, and has no result\n"
	      "PASS generic/002 1000ms\n= ERROR");
}

static void test_lists_and_lines_disagree(void **state)
{
	(void)state;
	check(HEAD "generic/001 4s ...  5s\nRan: generic/001 generic/002\n"
		   "Failures: generic/001\n",
	      "FAIL generic/001 5000ms: its line says PASS, the list of failures has it\n"
	      "ERROR generic/002: it ran, and there is no line of its result\n= FAIL");
}

static void test_sections_and_attempts(void **state)
{
	(void)state;
	check("SECTION       -- xfs_4k\n" HEAD "generic/001 1s\nRan: generic/001\n"
	      "SECTION       -- xfs_1k\n" HEAD
	      "generic/001 - output mismatch\ngeneric/001 1s\nRan: generic/001\n",
	      "PASS xfs_4k.generic/001 1000ms\n"
	      "FAIL xfs_1k.generic/001 try2 1000ms: attempt 2 was PASS, "
	      "before it was FAIL\n= FAIL");
}

static void test_which_format(void **state)
{
	static const char ktap[] = "[ 1.0] KTAP version 1\n[ 1.0] 1..1\n[ 1.0] ok 1 a\n";
	static const char ltp[] = "Starting suite: m\na: pass  (1s)\n";
	_buf_ struct buf both = BUF_INIT;

	(void)state;
	results_check(READER_AUTO, all, all_text);
	results_check(READER_AUTO, ktap, "PASS a\n= PASS");
	results_check(READER_AUTO, ltp, "PASS a 1000ms\n= PASS");
	results_check(
		READER_AUTO, "ok 1 a\nok 2 b\n",
		"PASS a\nPASS b\n? results without a version line and a plan before "
		"them: the beginning may be missing\n= PASS");
	results_check(
		READER_AUTO, "Linux version 6.18\nlogin: \n",
		"there are no test results of a known format in it (KTAP or TAP, LTP, "
		"xfstests)");
	assert_int_equal(buf_printf(&both, "%s%s", ktap, ltp), 0);
	results_check(
		READER_AUTO, buf_str(&both),
		"there are results of several formats in it: say with --format which "
		"are meant");
	results_check(READER_LTP, buf_str(&both), "PASS a 1000ms\n= PASS");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_ends),
		cmocka_unit_test(test_kernel_lines_between),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_lists_and_lines_disagree),
		cmocka_unit_test(test_sections_and_attempts),
		cmocka_unit_test(test_which_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
