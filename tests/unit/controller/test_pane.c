// SPDX-License-Identifier: GPL-2.0-or-later
/* Moving in lists and texts, and lines as wide as a screen. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controller/mail/pane.h"

static void fill(struct pane *p, size_t n)
{
	char name[24];

	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%zu", i);
		assert_int_equal(pane_add(p, name, name), 0);
	}
}

static void moving_in_a_list(void **state)
{
	struct pane p = {0};

	(void)state;
	pane_move(&p, PANE_DOWN, 5);
	assert_null(pane_name(&p));
	fill(&p, 12);
	pane_move(&p, PANE_UP, 5);
	assert_int_equal(p.chosen, 0);
	pane_move(&p, PANE_PAGE_DOWN, 5);
	assert_int_equal(p.chosen, 4);
	assert_int_equal(p.top, 0);
	pane_move(&p, PANE_DOWN, 5);
	assert_string_equal(pane_name(&p), "5");
	assert_int_equal(p.top, 1);
	pane_move(&p, PANE_END, 5);
	assert_int_equal(p.chosen, 11);
	assert_int_equal(p.top, 7);
	pane_move(&p, PANE_DOWN, 5);
	assert_int_equal(p.chosen, 11);
	/* The window grows, and becomes one line. */
	pane_fit(&p, 20);
	assert_int_equal(p.top, 0);
	pane_fit(&p, 1);
	assert_int_equal(p.top, 11);
	pane_move(&p, PANE_PAGE_UP, 1);
	assert_int_equal(p.chosen, 10);
	pane_move(&p, PANE_HOME, 5);
	assert_int_equal(p.top, 0);
	pane_fini(&p);
}

static void moving_in_a_text(void **state)
{
	struct pane p = {.reading = true};

	(void)state;
	fill(&p, 12);
	pane_move(&p, PANE_DOWN, 5);
	assert_int_equal(p.top, 1);
	pane_move(&p, PANE_PAGE_DOWN, 5);
	assert_int_equal(p.top, 5);
	pane_move(&p, PANE_PAGE_DOWN, 5);
	pane_move(&p, PANE_PAGE_DOWN, 5);
	assert_int_equal(p.top, 7);
	pane_move(&p, PANE_HOME, 5);
	assert_int_equal(p.top, 0);
	pane_fini(&p);
}

static void lines_of_a_text(void **state)
{
	static const char text[] = "\ta\tb\r\n\n\x1b[2Jx\xff\nend";
	struct pane p = {0};

	(void)state;
	assert_int_equal(pane_add_text(&p, text, sizeof(text) - 1), 0);
	assert_int_equal(p.n, 4);
	assert_string_equal(p.lines[0], "        a       b");
	assert_string_equal(p.lines[1], "");
	assert_string_equal(p.lines[2], "\\x1b[2Jx\\xff");
	assert_string_equal(p.lines[3], "end");
	pane_fini(&p);
}

static void cut_at_the_edge(void **state)
{
	(void)state;
	assert_int_equal(pane_cut("abc", 10), 3);
	assert_int_equal(pane_cut("abc", 2), 2);
	assert_int_equal(pane_cut("abc", 0), 0);
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		skip();
	assert_int_equal(pane_cut("\xc3\xbc\xc3\xbc", 1), 2);
	/* Two columns each; and an accent that takes none. */
	assert_int_equal(pane_cut("\xe4\xb8\xad\xe6\x96\x87", 3), 3);
	assert_int_equal(pane_cut("e\xcc\x81x", 1), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moving_in_a_list),
		cmocka_unit_test(moving_in_a_text),
		cmocka_unit_test(lines_of_a_text),
		cmocka_unit_test(cut_at_the_edge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
