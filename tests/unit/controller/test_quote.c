// SPDX-License-Identifier: GPL-2.0-or-later
/* Quoted words come out of a real shell as they went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/link/quote.h"
#include "proto/base/proc.h"

static void through_shell(const char *const words[])
{
	_buf_ struct buf line = BUF_INIT, out = BUF_INIT, want = BUF_INIT;
	const char *argv[] = {"/bin/sh", "-c", NULL, NULL};
	struct proc_opts opts = {.timeout_ms = 10000, .out = &out};
	int status;

	assert_int_equal(buf_printf(&line, "printf '%%s|' "), 0);
	assert_int_equal(quote_argv(&line, words), 0);
	for (size_t i = 0; words[i]; i++)
		assert_int_equal(buf_printf(&want, "%s|", words[i]), 0);
	argv[2] = buf_str(&line);
	assert_int_equal(proc_run(argv, &opts, &status), 0);
	assert_int_equal(status, 0);
	assert_string_equal(buf_str(&out), buf_str(&want));
}

static void words_survive_a_shell(void **state)
{
	const char *const words[] = {"plain",	     "",
				     "two words",    "it's",
				     "''",	     "'",
				     "\"double\"",   "$(touch pwned)",
				     "`id`",	     "a;b&c|d>e<f",
				     "*?[x]",	     "~root",
				     "back\\slash",  "new\nline",
				     "\ttab",	     "#comment",
				     "-n",	     "x=y",
				     "{a,b}",	     "!history",
				     "\xc3\xa4\xff", NULL};

	(void)state;
	through_shell(words);
}

static void every_byte_survives(void **state)
{
	char words[255][2];
	const char *argv[256];

	(void)state;
	for (unsigned i = 0; i < 255; i++) {
		words[i][0] = (char)(i + 1);
		words[i][1] = '\0';
		argv[i] = words[i];
	}
	argv[255] = NULL;
	through_shell(argv);
}

static void plain_words_stay_readable(void **state)
{
	const char *const words[] = {"/usr/local/sbin/kferryd", "stdio", NULL};
	_buf_ struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(quote_argv(&b, words), 0);
	assert_string_equal(buf_str(&b), "/usr/local/sbin/kferryd stdio");
}

static void a_full_buffer_is_said(void **state)
{
	_buf_ struct buf b = {.max = 4};

	(void)state;
	assert_int_equal(quote_word(&b, "more than four"), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_survive_a_shell),
		cmocka_unit_test(every_byte_survives),
		cmocka_unit_test(plain_words_stay_readable),
		cmocka_unit_test(a_full_buffer_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
