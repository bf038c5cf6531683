/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of a key and a value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/boot/keyline.h"

static void next_is(const char **at, const char *end, const char *key, const char *value)
{
	struct keyline l;

	assert_true(keyline_next(at, end, &l));
	assert_true(keyline_is(&l, key));
	assert_int_equal(l.value_len, strlen(value));
	assert_memory_equal(l.value, value, l.value_len);
}

static void lines(void **state)
{
	static const char text[] = "# comment\n\n  title\tA  board \r\n lonely\n"
				   "linux /vmlinuz\n\t# another\noptions a=b c\nnot read";
	const char *at = text, *end = text + strlen(text) - strlen("\nnot read");
	struct keyline l;

	(void)state;
	next_is(&at, end, "title", "A  board");
	next_is(&at, end, "linux", "/vmlinuz");
	next_is(&at, end, "options", "a=b c");
	assert_false(keyline_next(&at, end, &l));
	assert_false(keyline_next(&at, end, &l));
	assert_ptr_equal(at, end);
}

static void keys_are_whole_words(void **state)
{
	const char *at = "titles x", *end = at + strlen(at);
	struct keyline l;

	(void)state;
	assert_true(keyline_next(&at, end, &l));
	assert_false(keyline_is(&l, "title"));
	assert_false(keyline_is(&l, "titlesx"));
	assert_false(keyline_is(&l, "Titles"));
}

static void quotes(void **state)
{
	static const char *const cases[][2] = {
		{"k \" a \"", " a "}, {"k \"\"", ""},	{"k \"a", "\"a"},
		{"k \"", "\""},	      {"k a\"", "a\""}, {"k \"\"a\"\"", "\"a\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *at = cases[i][0], *want = cases[i][1];
		struct keyline l;

		assert_true(keyline_next(&at, at + strlen(at), &l));
		keyline_unquote(&l);
		assert_int_equal(l.value_len, strlen(want));
		assert_memory_equal(l.value, want, l.value_len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(keys_are_whole_words),
		cmocka_unit_test(quotes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
