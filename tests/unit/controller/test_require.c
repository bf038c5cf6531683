/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kernel.require against the text of a .config. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/kernel/require.h"

static const char config[] = "#\n# Linux/arm64 6.6.0 Kernel Configuration\n#\n"
			     "CONFIG_A=y\nCONFIG_M=m\n# CONFIG_OFF is not set\n"
			     "CONFIG_TIMEOUT=10\nCONFIG_NAME=\"x\"\nCONFIG_AB=y\n";

static void holds(void **state)
{
	static const char *const words[] = {
		"CONFIG_A=y",	     "CONFIG_A",
		"CONFIG_A=m",	     "CONFIG_M=m",
		"CONFIG_M",	     "CONFIG_OFF=n",
		"CONFIG_ABSENT=n",   "CONFIG_TIMEOUT=10",
		"CONFIG_NAME=\"x\"", "CONFIG_OFF=y|CONFIG_A=y",
	};
	char why[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		int r = require_line(words[i], config, why);

		if (r != 0)
			fail_msg("%s: %d %s", words[i], r, why);
	}
}

static void does_not_hold(void **state)
{
	static const struct {
		const char *word, *why;
	} lines[] = {
		/* A module comes too late for what hangs early. */
		{"CONFIG_M=y", "CONFIG_M is =m"},
		{"CONFIG_OFF=y", "CONFIG_OFF is not set"},
		{"CONFIG_ABSENT", "CONFIG_ABSENT is not set"},
		{"CONFIG_A=n", "CONFIG_A is =y"},
		{"CONFIG_TIMEOUT=1", "CONFIG_TIMEOUT is =10"},
		/* The name is not the beginning of another. */
		{"CONFIG_B=y", "CONFIG_B is not set"},
		{"CONFIG_OFF=y|CONFIG_M=y", "CONFIG_OFF is not set"},
	};
	char why[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		assert_int_equal(require_line(lines[i].word, config, why), -ENOENT);
		assert_string_equal(why, lines[i].why);
	}
}

static void is_no_line(void **state)
{
	static const char *const words[] = {"A=y",	    "CONFIG_",	    "CONFIG_=y",
					    "CONFIG_A=",    "CONFIG_A-B=y", "|CONFIG_A",
					    "CONFIG_OFF=y|"};
	char why[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		assert_int_equal(require_line(words[i], config, why), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds),
		cmocka_unit_test(does_not_hold),
		cmocka_unit_test(is_no_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
