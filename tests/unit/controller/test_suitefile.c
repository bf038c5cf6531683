// SPDX-License-Identifier: GPL-2.0-or-later
/* Suite files: what is taken, what is refused and why, what values come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "controller/suite/suitefile.h"

static void refused(const char *text, const char *why)
{
	_suitefile_ struct suitefile f = {{NULL}};
	struct kf_error err = {0};

	assert_true(suitefile_parse(&f, text, strlen(text), "s.ini", &err) < 0);
	if (!strstr(err.msg, why))
		fail_msg("\"%s\" is not in \"%s\"", why, err.msg);
}

static void taken(struct suitefile *f, const char *text)
{
	struct kf_error err = {0};

	if (suitefile_parse(f, text, strlen(text), "s.ini", &err) < 0)
		fail_msg("%s", err.msg);
}

static void test_values(void **state)
{
	_suitefile_ struct suitefile f = {{NULL}};

	(void)state;
	taken(&f, "# what\n[suite]\r\ndescription =  A suite \n\n[run]\ncommand = sh -c\n"
		  "\t'a b'\n  # not of it\n c\n[limits]\nsuite=2h\ntest = 90\n"
		  "[results]\nformat = exit\nskip_status = 77\n");
	assert_string_equal(f.value[SUITEFILE_DESCRIPTION], "A suite");
	assert_string_equal(f.value[SUITEFILE_COMMAND], "sh -c 'a b' c");
	assert_int_equal(suitefile_ms(&f, SUITEFILE_LIMIT, 1), 2 * 3600000);
	assert_int_equal(suitefile_ms(&f, SUITEFILE_LIMIT_TEST, 1), 90000);
	assert_int_equal(suitefile_skip_status(&f), 77);
	assert_int_equal(suitefile_check(&f, "s", NULL), 0);
	/* Another file on top. */
	taken(&f, "[limits]\nsuite = 5m\n[results]\nskip_status =\n");
	assert_int_equal(suitefile_ms(&f, SUITEFILE_LIMIT, 1), 300000);
	assert_int_equal(suitefile_skip_status(&f), -1);
	assert_string_equal(f.value[SUITEFILE_DESCRIPTION], "A suite");
}

static void test_errors_have_line_and_reason(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"[run]\ncomand = x\n", "s.ini:2: there is no key run.comand"},
		{"[nothing]\n", "s.ini:1: there is no section [nothing]"},
		{"[ru]\n", "s.ini:1: there is no section [ru]"},
		{"\n\n[run\n", "s.ini:3: a section is [name]"},
		{"command = x\n", "s.ini:1: a key stands before any [section]"},
		{"[run]\ncommand\n", "s.ini:2: neither [section] nor key"},
		{"[run]\n= x\n", "s.ini:2: neither"},
		{"[run]\n x\n", "s.ini:2: the line begins with a blank"},
		{"[run]\ncommand = a\ncommand = b\n",
		 "s.ini:3: run.command was set in line 2"},
		{"[run]\ncommand = 'a\n", "s.ini:2: run.command: a quote"},
		{"[run]\ncommand = a\n 'b\n\n", "s.ini:2: run.command: a quote"},
		{"[run]\ncommand = a {out}\n", "{out} has no meaning here"},
		{"[run]\ncommand = {tests}\n", "{tests} has no meaning here; these have"},
		{"[limits]\nsuite = {dir}\n", "no placeholder has a meaning"},
		{"[run]\nenvironment = A=1 B\n", "\"B\" is no NAME=VALUE"},
		{"[run]\nenvironment = 1A=1\n", "\"1A=1\" is no NAME=VALUE"},
		{"[push]\nto = rel/x\n", "push.to: it is no absolute path"},
		{"[push]\nto = /a/../b\n", "push.to: it is no absolute path"},
		{"[push]\nto = /usr\n", "push.to: a directory right below /"},
		{"[run]\ndirectory = {dir}/../x\n", "behind {dir}"},
		{"[limits]\nsuite = 0\n", "limits.suite: it is a time"},
		{"[limits]\nsuite = 8d\n", "limits.suite: it is a time"},
		{"[limits]\nsuite = 200h\n", "limits.suite: it is a time"},
		{"[results]\nformat = junit\n", "ktap, ltp, xfstests or exit"},
		{"[results]\nskip_status = 256\n", "from 1 to 255"},
		{"[results]\nskip_status = 0\n", "from 1 to 255"},
		{"[run]\ncommand = \x1b[1m\n", "s.ini:2: the line is not UTF-8"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refused(cases[i].text, cases[i].why);
}

static void test_limits(void **state)
{
	static char text[SUITEFILE_BYTES + 2];
	_suitefile_ struct suitefile f = {{NULL}};
	struct kf_error err = {0};
	size_t n;

	(void)state;
	memset(text, '\n', sizeof(text));
	assert_int_equal(suitefile_parse(&f, text, SUITEFILE_BYTES, "s", &err), 0);
	assert_int_equal(suitefile_parse(&f, text, SUITEFILE_BYTES + 1, "s", &err),
			 -EFBIG);
	memset(text, 'x', sizeof(text));
	memcpy(text, "[run]\ncommand = ", 16);
	text[6 + SUITEFILE_LINE + 1] = '\0';
	refused(text, "s.ini:2: the line has more than");
	text[6 + SUITEFILE_LINE] = '\0';
	taken(&f, text);
	n = 6 + SUITEFILE_LINE;
	memcpy(text + n, "\n ", 2);
	text[n + 2] = 'x';
	memset(text + n + 3, 'x', 2000);
	text[n + 2003] = '\0';
	refused(text, "s.ini:3: the value has more than");
	n = (size_t)snprintf(text, sizeof(text), "[run]\ncommand =");
	for (int i = 0; i <= SUITEFILE_WORDS; i++)
		n += (size_t)snprintf(text + n, 3, " w");
	refused(text, "more than 200 words");
}

static void test_what_is_missing(void **state)
{
	_suitefile_ struct suitefile f = {{NULL}};
	struct kf_error err = {0};

	(void)state;
	taken(&f, "[suite]\ndescription = x\n[run]\ncommand = y\n");
	assert_true(suitefile_check(&f, "s", &err) < 0);
	assert_string_equal(err.msg, "the suite s has no results.format");
	taken(&f, "[results]\nformat = ktap\n[build]\nmake = all\n");
	assert_true(suitefile_check(&f, "s", &err) < 0);
	assert_non_null(strstr(err.msg, "push.from"));
	taken(&f, "[push]\nfrom = {out}\n[run]\nwith_limit = -t {limit}\n");
	assert_true(suitefile_check(&f, "s", &err) < 0);
	assert_non_null(strstr(err.msg, "no limits.test"));
	taken(&f, "[limits]\ntest = 5\n");
	assert_int_equal(suitefile_check(&f, "s", &err), 0);
}

static void test_words(void **state)
{
	static const char *const tests[] = {"a b", "{dir}"};
	const struct suitefile_values v = {.dir = "/x y",
					   .collection = "net",
					   .limit = "5",
					   .tests = tests,
					   .n_tests = 2};
	_suitefile_ struct suitefile f = {{NULL}};
	char **w, *text;

	(void)state;
	taken(&f, "[run]\ncommand = {dir}/run '{collection} {}{ {dir' \"\"\n"
		  "retry = r {tests} x{tests}\n[push]\nfrom = {out}/{tree}\n");
	assert_int_equal(suitefile_words(&f, SUITEFILE_COMMAND, &v, &w), 0);
	assert_string_equal(w[0], "/x y/run");
	assert_string_equal(w[1], "net {}{ {dir");
	assert_string_equal(w[2], "");
	assert_null(w[3]);
	free(w);
	assert_int_equal(suitefile_words(&f, SUITEFILE_RETRY, &v, &w), 0);
	assert_string_equal(w[1], "a b");
	/* What a board's test is called is no text to fill in. */
	assert_string_equal(w[2], "{dir}");
	assert_string_equal(w[3], "x{tests}");
	assert_null(w[4]);
	free(w);
	assert_int_equal(suitefile_words(&f, SUITEFILE_CLEAN, &v, &w), 0);
	assert_null(w[0]);
	free(w);
	assert_int_equal(suitefile_text(&f, SUITEFILE_PUSH_FROM, &v, &text), 0);
	assert_string_equal(text, "/");
	free(text);
	assert_int_equal(suitefile_text(&f, SUITEFILE_PUSH_TO, &v, &text), 0);
	assert_null(text);
}

static void test_collections(void **state)
{
	static const char *const bad[] = {"",	 "..",	"a/../b", "-x",	   "/x", ".x",
					  "a b", "a;b", "a\n",	  "{dir}", "a'"};

	(void)state;
	assert_true(suitefile_is_collection("net/forwarding"));
	assert_true(suitefile_is_collection("a,b=c+d_e.f-1"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(suitefile_is_collection(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_errors_have_line_and_reason),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_what_is_missing),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_collections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
