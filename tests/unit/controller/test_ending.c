/* SPDX-License-Identifier: GPL-2.0-or-later */
/* git's log of a bisect: whether it has ended, and how. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "controller/bisect/ending.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

#define STARTED                                                                          \
	"# bad: [" A "] sub]ject\n# good: [" B "] other\ngit bisect start '" A "' '" B   \
	"'\n"

static struct ending of(const char *log)
{
	struct ending e = {0};

	assert_int_equal(ending_read(log, strlen(log), &e), 0);
	return e;
}

static void goes_on(void **state)
{
	static const char *const logs[] = {
		"",
		STARTED,
		STARTED "# good: [" A "] # first bad commit: [" B "]\ngit bisect good " A
			"\n",
		/* No hash, or a cut one. */
		STARTED "# first bad commit: [xyz] s\n",
		STARTED "# first bad commit: [" A,
		STARTED "# first bad commit: [aaaa] s\n",
		STARTED "# first bad commit: []\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(logs) / sizeof(*logs); i++) {
		_ending_ struct ending e = of(logs[i]);

		assert_string_equal(e.first_bad, "");
		assert_int_equal(e.n, 0);
	}
}

static void found(void **state)
{
	_ending_ struct ending e = of(STARTED "# bad: [" B "] s\ngit bisect bad " B
					      "\n# first bad commit: [" B "] s");

	(void)state;
	assert_string_equal(e.first_bad, B);
	assert_int_equal(e.n, 0);
}

static void candidates(void **state)
{
	_ending_ struct ending e =
		of(STARTED "# skip: [" B "] s\ngit bisect skip " B "\n"
			   "# only skipped commits left to test\n"
			   "# possible first bad commit: [" A "] s\n"
			   "# possible first bad commit: [" B "] \xff\x1b]\n");

	(void)state;
	assert_string_equal(e.first_bad, "");
	assert_int_equal(e.n, 2);
	assert_string_equal(e.candidates[0], A);
	assert_string_equal(e.candidates[1], B);
}

static void a_later_verdict_counts(void **state)
{
	_ending_ struct ending e = of(STARTED "# possible first bad commit: [" A "] s\n"
					      "# bad: [" B "] s\ngit bisect bad " B "\n");

	(void)state;
	assert_string_equal(e.first_bad, "");
	assert_int_equal(e.n, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_on),
		cmocka_unit_test(found),
		cmocka_unit_test(candidates),
		cmocka_unit_test(a_later_verdict_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
