// SPDX-License-Identifier: GPL-2.0-or-later
/* LTP: runltp's blocks and its table, kirk's lines, a program by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/lib/controller/results.h"

static void check(const char *output, const char *expected)
{
	results_check(READER_LTP, output, expected);
}

/* A block of runltp; status: the line with duration and so on. */
#define BLOCK(name, output, status)                                                      \
	"<<<test_start>>>\ntag=" name " stime=1609459200\ncmdline=\"" name "\"\n"        \
	"contacts=\"\"\nanalysis=exit\n<<<test_output>>>\n" output                       \
	"<<<execution_status>>>\ninitiation_status=\"ok\"\n" status                      \
	"\ncutime=0 cstime=1\n<<<test_end>>>\n"
#define EXITED(n) "duration=2 termination_type=exited termination_id=" #n " corefile=no"

static void test_blocks(void **state)
{
	(void)state;
	check("INFO: runltp begins\n" BLOCK("abort01",
					    "tst_test.c:1250: TINFO: Timeout is 5m\n"
					    "abort01.c:62: TPASS: abort dumped core\n"
					    "\nSummary:\npassed   1\nfailed   0\n"
					    "broken   0\nskipped  0\nwarnings 0\n",
					    EXITED(0))
		      BLOCK("accept02", "accept02.c:9: TCONF: not supported\n",
			    EXITED(32))
			      BLOCK("bind01",
				    "bind01     1  TPASS  :  ok\n"
				    "bind01     2  TFAIL  :  bind01.c:5: wrong\n",
				    EXITED(1)),
	      "PASS abort01 2000ms\n"
	      "SKIP accept02 2000ms: TCONF: not for this kernel or board\n"
	      "FAIL bind01 2000ms\n= FAIL");
}

static void test_blocks_with_faults(void **state)
{
	(void)state;
	check(BLOCK("a", "a.c:1: TBROK: mount failed\n", EXITED(2)),
	      "ERROR a 2000ms: exit status 2\n= ERROR");
	check(BLOCK("a", "a.c:1: TPASS: x\na.c:2: TWARN: y\n", EXITED(4)),
	      "ERROR a 2000ms: exit status 4\n= ERROR");
	check(BLOCK("a", "", EXITED(0)), "ERROR a 2000ms: it printed no result\n= ERROR");
	check(BLOCK("a", "TPASS is no result here, nor XTPASS: this\n", EXITED(0)),
	      "ERROR a 2000ms: it printed no result\n= ERROR");
	check(BLOCK("a", "a.c:1: TPASS: x\n", EXITED(1)), "FAIL a 2000ms\n= FAIL");
	check(BLOCK("a", "a.c:1: TPASS: x\n",
		    "duration=9 termination_type=signaled termination_id=11 corefile=no"),
	      "ERROR a 9000ms: it was ended: signaled 11\n= ERROR");
	/* The summary and the lines disagree. */
	check(BLOCK("a", "a.c:1: TFAIL: x\nSummary:\npassed   1\nfailed   0\n",
		    EXITED(0)),
	      "FAIL a 2000ms\n! a: the summary says less failed or broken than the lines "
	      "before it\n= FAIL");
	check(BLOCK("a", "a.c:1: TPASS: x\nSummary:\npassed   1\nfailed   1\n",
		    EXITED(0)),
	      "FAIL a 2000ms\n? a: the summary counts more results than there are lines\n"
	      "= FAIL");
}

static void test_block_cut(void **state)
{
	(void)state;
	check(BLOCK("a", "a.c:1: TPASS: x\n",
		    EXITED(0)) "<<<test_start>>>\ntag=b stime=1\n<<<test_output>>>\n"
			       "b.c:1: TPASS: one\n[  9.1] Kernel panic - not syncing\n",
	      "PASS a 2000ms\nERROR b: it began, and did not end\n"
	      "! the output ends within a test\n= ERROR, cut in b");
	check("<<<test_start>>>\ntag=a stime=1\na.c:1: TPASS: x\n" BLOCK(
		      "b", "b.c:1: TPASS: x\n", EXITED(0)),
	      "ERROR a: it began, and did not end\nPASS b 2000ms\n= ERROR");
}

static void test_again_is_another_attempt(void **state)
{
	(void)state;
	check(BLOCK("a", "a.c:1: TFAIL: x\n", EXITED(1))
		      BLOCK("a", "a.c:1: TPASS: x\n", EXITED(0)),
	      "FAIL a try2 2000ms: attempt 2 was PASS, before it was FAIL\n= FAIL");
	check(BLOCK("a", "a.c:1: TPASS: x\n", EXITED(0))
		      BLOCK("a", "a.c:1: TPASS: x\n", EXITED(0)),
	      "PASS a try2 2000ms\n= PASS");
}

static void test_table(void **state)
{
	(void)state;
	check("Test Start Time: Mon Nov 30 09:00:00 2026\n"
	      "-----------------------------------------\n"
	      "Testcase                                           Result     Exit Value\n"
	      "--------                                           ------     ----------\n"
	      "abort01                                            PASS       0    \n"
	      "accept02                                           CONF       32   \n"
	      "bind01                                             FAIL       1    \n"
	      "bind02                                             BROK       2    \n"
	      "bind03                                             PASS       1    \n"
	      "\n-----------------------------------------------\nTotal Tests: 5\n",
	      "PASS abort01\nSKIP accept02: CONF, exit status 32\n"
	      "FAIL bind01: FAIL, exit status 1\nERROR bind02: BROK, exit status 2\n"
	      "FAIL bind03: it says PASS, with exit status 1\n= FAIL");
	check("Testcase  Result  Exit Value\na PASS 0\nTotal Tests: 3\n",
	      "PASS a\nMISS 2 more tests x2: counted by the runner, and there is no "
	      "result\n"
	      "! the runner counts 3 tests, there are results of 1\n= ERROR");
}

static void test_kirk(void **state)
{
	(void)state;
	check("Host information\n\n\tSystem: Linux\n\nStarting suite: math\n"
	      "abs01: \033[1;32mpass\033[0m  (0.003s)\n"
	      "atof01: pass | tainted  (1m 2s)\n"
	      "float: fail  (1h 0m 10s)\n"
	      "net01: skip  (0.100s)\nnet02: broken  (0.1s)\nnet03: timed out\n"
	      "net04: kernel panic\nnet05: SUT not responding\n\n"
	      "Execution time: 2.0s\n\nSuite Name: math\nTotal Run: 8\n",
	      "PASS abs01 3ms\nPASS atof01 62000ms: the kernel is tainted since\n"
	      "FAIL float 3610000ms\nSKIP net01 100ms\nERROR net02 100ms: broken\n"
	      "FAIL net03: timed out\nFAIL net04: kernel panic\n"
	      "ERROR net05: the board does not answer\n= FAIL");
	check("Starting suite: math\nabs01: pass  (0.003s)\nabs02: ",
	      "PASS abs01 3ms\nERROR abs02: it was running when the output ended\n"
	      "! the output ends within a test\n= ERROR, cut in abs02");
	/* Words that look so. */
	check("Starting suite: math\nnote: passing  (0.003s)\nabs: pass\n",
	      "! there is no test result in it\n= ERROR");
}

static void test_program_alone(void **state)
{
	(void)state;
	check("tst_test.c:1250: TINFO: Timeout is 5m\n"
	      "testcases/abort01.c:62: TPASS: abort dumped core\n\nSummary:\npassed   "
	      "1\n",
	      "PASS abort01\n= PASS");
	check("fork01      1  TPASS  :  fork() ok\nfork01      2  TFAIL  :  no\n",
	      "FAIL fork01\n= FAIL");
	check("nothing of LTP\nPASS\n", "! there is no test result in it\n= ERROR");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_blocks_with_faults),
		cmocka_unit_test(test_block_cut),
		cmocka_unit_test(test_again_is_another_attempt),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_kirk),
		cmocka_unit_test(test_program_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
