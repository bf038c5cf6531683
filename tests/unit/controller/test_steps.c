/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file of a bisect's steps: written, read, cut and altered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>

#include "controller/bisect/steps.h"
#include "proto/base/fs.h"
#include "tests/unit/base/scratch.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

#define LINE(commit, verdict, took, end)                                                 \
	"{\"commit\":\"" commit                                                          \
	"\",\"subject\":\"it's \\\"odd\\\"\",\"verdict\":\"" verdict                     \
	"\",\"reason\":null,\"text\":\"t\",\"board\":\"pc\",\"run\":null,"               \
	"\"took_ms\":" took ",\"attempts\":1,\"ended\":null,\"end\":" end "}\n"

static struct steps of(const char *text)
{
	struct steps s = {0};

	assert_int_equal(steps_parse(text, strlen(text), &s), 0);
	return s;
}

static void whole_file(void **state)
{
	_steps_ struct steps s =
		of(LINE(A, "good", "1000", "false") LINE(B, "fault", "9000", "false")
			   LINE(B, "bad", "3000", "false") LINE(A, "skip", "0", "true"));
	const json_t *b = steps_find(&s, B, false);

	(void)state;
	assert_int_equal(steps_count(&s), 4);
	assert_int_equal(s.damaged, 0);
	assert_int_equal(step_verdict(b), JUDGED_BAD);
	assert_string_equal(step_text(b, "subject"), "it's \"odd\"");
	assert_string_equal(step_text(b, "run"), "");
	assert_int_equal(step_verdict(steps_find(&s, A, false)), JUDGED_GOOD);
	assert_int_equal(step_verdict(steps_find(&s, A, true)), JUDGED_SKIP);
	assert_null(steps_find(&s, B, true));
	/* Faults tell nothing of how long a step takes. */
	assert_int_equal(steps_usual_ms(&s), 4000 / 3);
	assert_int_equal(steps_number(&s, JUDGED_SKIP), 0);
	assert_int_equal(steps_number(&s, JUDGED_BAD), 1);
}

static void no_step_is_in_an_empty_file(void **state)
{
	_steps_ struct steps s = of("\n\n");

	(void)state;
	assert_int_equal(steps_count(&s), 0);
	assert_int_equal(s.damaged, 0);
	assert_int_equal(steps_usual_ms(&s), -1);
}

/* Wherever the file ends, the lines before are there, and nothing is made up. */
static void cut_anywhere(void **state)
{
	static const char text[] =
		LINE(A, "good", "1", "false") LINE(B, "bad", "2", "false");
	size_t first = strlen(LINE(A, "good", "1", "false"));

	(void)state;
	for (size_t n = 0; n < strlen(text); n++) {
		_steps_ struct steps s = {0};
		/* Without its newline a line is whole. */
		size_t whole = (n + 1 >= first) + (n + 1 >= strlen(text));

		assert_int_equal(steps_parse(text, n, &s), 0);
		assert_int_equal(steps_count(&s), whole);
		assert_true(s.damaged <= 1);
	}
}

static void altered(void **state)
{
	static const char *const lines[] = {
		LINE("aaaa", "good", "1", "false"),
		LINE(A, "stopped", "1", "false"),
		LINE(A, "better", "1", "false"),
		LINE(A, "good", "-1", "false"),
		LINE(A, "good", "\"1\"", "false"),
		LINE(A, "good", "1", "0"),
		"{}\n",
		"[]\n",
		"1\n",
		"not JSON\n",
		"{\"commit\":\"" A "\"}\n",
		"\xff\xfe\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		_steps_ struct steps s = of(lines[i]);

		assert_int_equal(steps_count(&s), 0);
		assert_int_equal(s.damaged, 1);
	}
}

static void text_that_a_terminal_obeys_is_no_steps(void **state)
{
	_steps_ struct steps s = {0};
	char text[] = LINE(A, "good", "1", "false");
	char *at = strstr(text, "odd");

	(void)state;
	memcpy(at, "\\u0", 3); /* "\u0\\"...": no escape at all */
	assert_int_equal(steps_parse(text, strlen(text), &s), 0);
	assert_int_equal(steps_count(&s), 0);
	steps_fini(&s);
	s = of("{\"commit\":\"" A "\",\"subject\":\"\\u001b[31m\",\"verdict\":\"good\","
	       "\"reason\":null,\"text\":\"t\",\"board\":\"pc\",\"run\":null,\"took_ms\":"
	       "1,"
	       "\"attempts\":1,\"ended\":null,\"end\":false}\n");
	assert_int_equal(steps_count(&s), 0);
	assert_int_equal(s.damaged, 1);
}

static json_t *step(const char *commit, const char *verdict)
{
	return json_pack("{s:s, s:s, s:s, s:n, s:s, s:n, s:n, s:i, s:i, s:n, s:b}",
			 "commit", commit, "subject", "s", "verdict", verdict, "reason",
			 "text", "t", "board", "run", "took_ms", 5, "attempts", 1,
			 "ended", "end", 0);
}

/* What is damaged is kept, and takes no other line with it. */
static void added_behind_a_cut_line(void **state)
{
	static const char cut[] = LINE(A, "good", "1", "false") "{\"commit\":";
	_steps_ struct steps s = {0};
	_steps_ struct steps again = {0};

	struct kf_error err = {0};

	put(T, STEPS_FILE, cut);
	assert_int_equal(steps_load(T, &s, &err), 0);
	assert_int_equal(s.damaged, 1);
	assert_int_equal(steps_add(T, &s, step(B, "bad"), &err), 0);
	assert_int_equal(steps_count(&s), 2);
	assert_int_equal(steps_load(T, &again, &err), 0);
	assert_int_equal(steps_count(&again), 2);
	assert_int_equal(again.damaged, 1);
	assert_int_equal(step_verdict(steps_find(&again, B, false)), JUDGED_BAD);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_file),
		cmocka_unit_test(no_step_is_in_an_empty_file),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(altered),
		cmocka_unit_test(text_that_a_terminal_obeys_is_no_steps),
		cmocka_unit_test_setup_teardown(added_behind_a_cut_line, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
