/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words of a kernel command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/cmdword.h"

static void is(struct cmdword w, const char *want)
{
	if (w.n != strlen(want) || memcmp(w.s, want, w.n) != 0)
		fail_msg("\"%.*s\" is not \"%s\"", (int)w.n, w.s, want);
}

static void next_is(const char **line, const char *want)
{
	struct cmdword w;

	assert_true(cmdword_next(line, &w));
	is(w, want);
	assert_true(cmdword_is(&w, want));
}

static void words(void **state)
{
	const char *line = " ro\troot=/dev/a  \n--\r\v\fs \n";
	struct cmdword w;

	(void)state;
	next_is(&line, "ro");
	next_is(&line, "root=/dev/a");
	next_is(&line, "--");
	next_is(&line, "s");
	assert_false(cmdword_next(&line, &w));
	assert_false(cmdword_next(&line, &w));
	assert_int_equal(*line, '\0');
}

/* As the kernel's next_arg() has it. */
static void quotes_hold_blanks(void **state)
{
	const char *line =
		"dyndbg=\"file a.c +p\" \"x y=1 2\" a\"b c\"d \"open to the end";
	struct cmdword w;

	(void)state;
	next_is(&line, "dyndbg=\"file a.c +p\"");
	next_is(&line, "\"x y=1 2\"");
	next_is(&line, "a\"b c\"d");
	next_is(&line, "\"open to the end");
	assert_false(cmdword_next(&line, &w));
}

static struct cmdword word(const char *text)
{
	return (struct cmdword){text, strlen(text)};
}

static struct cmdword value(const char *text)
{
	struct cmdword w = word(text);

	return cmdword_value(&w);
}

static void values(void **state)
{
	(void)state;
	is(value("root=/dev/a"), "/dev/a");
	is(value("root=UUID=1"), "UUID=1");
	is(value("a=\"b c\""), "b c");
	is(value("a=\"b c"), "b c");
	is(value("a=b\""), "b\"");
	is(value("a=\""), "");
	is(value("a=\"\""), "");
	is(value("a="), "");
	is(value("quiet"), "");
}

static bool same(const char *a, const char *b)
{
	struct cmdword x = word(a), y = word(b);

	return cmdword_same_key(&x, &y);
}

static void keys(void **state)
{
	(void)state;
	assert_true(same("hung-task=1", "hung_task=2"));
	assert_true(same("quiet", "quiet=1"));
	assert_false(same("panic=10", "panic_on_oops=10"));
	assert_false(same("a=x-y", "b=x_y"));
}

static void finds_words_and_not_what_is_in_them(void **state)
{
	static const char line[] =
		"xkferry.slot=no m.opt=\"a kferry.slot=no kferry.kexec\" "
		"kferry.slot=k-1 kferry.slot=k-2 kferry.kexec2";
	struct cmdword w = word("as it was");

	(void)state;
	assert_true(cmdword_find(line, CMDWORD_SLOT, &w));
	is(w, "kferry.slot=k-1");
	assert_ptr_equal(w.s, strstr(line, "kferry.slot=k-1"));
	assert_false(cmdword_has(line, CMDWORD_KEXEC));
	assert_true(cmdword_has(line, "kferry.kexec2"));
	w = word("as it was");
	assert_false(cmdword_find(line, CMDWORD_IMAGE, &w));
	assert_false(cmdword_find("", CMDWORD_IMAGE, &w));
	assert_false(cmdword_find(NULL, CMDWORD_IMAGE, &w));
	is(w, "as it was");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(quotes_hold_blanks),
		cmocka_unit_test(values),
		cmocka_unit_test(keys),
		cmocka_unit_test(finds_words_and_not_what_is_in_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
