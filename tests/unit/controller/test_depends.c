/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why a symbol cannot be set, from the text of Kconfig files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/kconfig/depends.h"

static const char config[] = "CONFIG_Y=y\nCONFIG_M=m\n# CONFIG_N is not set\n"
			     "CONFIG_NAME=\"x86\"\nCONFIG_SIZE=12\n";

static struct kconf parsed(void)
{
	struct kconf k;

	assert_int_equal(kconf_parse(config, strlen(config), "x", &k, NULL), 0);
	return k;
}

static void test_expressions(void **state)
{
	static const struct {
		const char *text;
		char value;
	} all[] = {{"Y", 'y'},
		   {"M", 'm'},
		   {"N", 'n'},
		   {"ABSENT", 'n'},
		   {"!N", 'y'},
		   {"!M", 'm'},
		   {"Y && M", 'm'},
		   {"N || M", 'm'},
		   {"(N || Y) && !ABSENT", 'y'},
		   {"Y&&(M||N)&&Y", 'm'},
		   {"NAME = \"x86\"", 'y'},
		   {"NAME!=\"x86\"", 'n'},
		   {"SIZE=12", 'y'},
		   {"M=m", 'y'},
		   {"ABSENT = n", 'y'},
		   {"y", 'y'},
		   {"m", 'm'},
		   /* What is not known decides only where it matters. */
		   {"$(cc-option,-x)", '?'},
		   {"SIZE < 20 && N", 'n'},
		   {"SIZE < 20 || Y", 'y'},
		   {"SIZE < 20 && Y", '?'},
		   /* What is no expression is blamed for nothing. */
		   {"", '?'},
		   {"&&", '?'},
		   {"Y &&", '?'},
		   {"(Y", '?'},
		   {"Y)", '?'},
		   {"Y Y", '?'},
		   {"\"open", '?'}};
	_kconf_ struct kconf k = parsed();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		char is = depends_eval(all[i].text, strlen(all[i].text), &k);

		if (is != all[i].value)
			fail_msg("%s is %c", all[i].text, is);
	}
}

static void test_nesting_is_bounded(void **state)
{
	char deep[4096];
	_kconf_ struct kconf k = parsed();

	(void)state;
	memset(deep, '(', sizeof(deep));
	assert_int_equal(depends_eval(deep, sizeof(deep), &k), '?');
	memset(deep, '!', sizeof(deep));
	assert_int_equal(depends_eval(deep, sizeof(deep), &k), '?');
}

static const char kconfig[] = "mainmenu \"Test\"\n"
			      "menu \"Drivers\"\n"
			      "\tdepends on M # a comment\n"
			      "if Y && N\n"
			      "config INSIDE\n"
			      "\tbool \"Something\" if !Y\n"
			      "\tdepends on Y && (N || \\\n"
			      "\t\tABSENT)\n"
			      "\tdepends on Y\n"
			      "\thelp\n"
			      "\t  Text that looks like it:\n"
			      "\n"
			      "\t  if N\n"
			      "\t  depends on NOTHING\n"
			      "\n"
			      "endif\n"
			      "config AFTER\n"
			      "\ttristate \"After it\"\n"
			      "endmenu\n"
			      "config HIDDEN\n"
			      "\tbool\n"
			      "\tdepends on Y\n"
			      "config FREE\n"
			      "\tprompt \"Free\"\n"
			      "\tdepends on Y || N\n"
			      "config ODD\n"
			      "\tbool \"odd\"\n"
			      "\tdepends on Y&&&&&& && &&&N\n"
			      "config TWICE\n"
			      "\tbool \"a\"\n"
			      "\tdepends on N\n"
			      "config TWICE\n"
			      "\tbool \"b\"\n"
			      "\tdepends on Y\n";

static void check(const char *symbol, char want, bool found, bool prompt,
		  const char *missing)
{
	_kconf_ struct kconf k = parsed();
	_cleanup_(depends_fini) struct depends d = {
		.symbol = symbol, .config = &k, .want = want};

	assert_int_equal(depends_read(&d, kconfig, strlen(kconfig)), 0);
	assert_int_equal(d.found, found);
	assert_int_equal(d.prompt, prompt);
	assert_string_equal(buf_str(&d.missing), missing);
}

static void test_what_is_missing(void **state)
{
	(void)state;
	check("INSIDE", 'y', true, true, "!Y (=n), (N || ABSENT) (=n), M (=m), N (=n)");
	/* A menu's condition; the help text before opened no block. */
	check("AFTER", 'y', true, true, "M (=m)");
	check("AFTER", 'm', true, true, "");
	check("HIDDEN", 'y', true, false, "");
	check("FREE", 'y', true, true, "");
	check("TWICE", 'y', true, true, "");
	/* The parts of what is no expression are looked at each for itself. */
	check("ODD", 'y', true, true, "");
	check("NOT_THERE", 'y', false, false, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expressions),
		cmocka_unit_test(test_nesting_is_bounded),
		cmocka_unit_test(test_what_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
