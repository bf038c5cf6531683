// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/lib/controller/results.h"

char *results_text(const struct suite_run *s)
{
	_buf_ struct buf b = BUF_INIT;
	int r = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct test_result *t = &s->tests[i];

		r |= buf_printf(&b, "%s%s %s",
				!t->group    ? ""
				: t->counted ? "+"
					     : "-",
				test_status_name(t->status), t->name);
		if (t->count != 1)
			r |= buf_printf(&b, " x%llu", (unsigned long long)t->count);
		if (t->attempts != 1)
			r |= buf_printf(&b, " try%u", t->attempts);
		if (t->took_ms >= 0)
			r |= buf_printf(&b, " %lldms", (long long)t->took_ms);
		r |= buf_printf(&b, "%s%s\n", t->text ? ": " : "",
				t->text ? t->text : "");
	}
	for (size_t i = 0; i < s->n_problems; i++)
		r |= buf_printf(&b, "%c %s\n", s->problems[i].error ? '!' : '?',
				s->problems[i].text);
	r |= buf_printf(&b, "= %s", test_status_name(suite_verdict(s)));
	if (s->cut)
		r |= buf_printf(&b, ", cut in %s",
				s->running == SUITE_PARENT ? "?"
							   : s->tests[s->running].name);
	assert_int_equal(r, 0);
	return strdup(buf_str(&b));
}

static char *read_pieces(enum reader_format format, const char *output, size_t piece)
{
	_suite_ struct suite_run s = {0};
	struct kf_error err = {0};
	struct reader *reader;
	size_t n = strlen(output);
	char *text;

	assert_int_equal(reader_new("s", format, &reader), 0);
	for (size_t at = 0; at < n; at += piece)
		assert_int_equal(
			reader_feed(reader, output + at, n - at < piece ? n - at : piece),
			0);
	if (reader_end(reader, &s, &err) < 0)
		text = strdup(err.msg);
	else
		text = results_text(&s);
	reader_free(reader);
	return text;
}

char *results_read(enum reader_format format, const char *output)
{
	char *whole = read_pieces(format, output, strlen(output) + 1);
	char *bytes = read_pieces(format, output, 1);

	assert_string_equal(whole, bytes);
	free(bytes);
	return whole;
}

void results_check(enum reader_format format, const char *output, const char *expected)
{
	char *text = results_read(format, output);

	assert_string_equal(text, expected);
	free(text);
}
