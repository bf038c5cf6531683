// SPDX-License-Identifier: GPL-2.0-or-later
/* xfstests' check, line by line. */
#include "controller/results/xfstests.h"

#include <ctype.h>
#include <string.h>

#include "proto/text.h"

void xfstests_init(struct xfstests *x, struct suite_run *suite)
{
	*x = (struct xfstests){.suite = suite, .at = SUITE_PARENT};
	lines_init(&x->lines);
}

void xfstests_fini(struct xfstests *x)
{
	lines_fini(&x->lines);
	buf_fini(&x->output);
}

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

/* "generic/001" and a blank or the end: its length, else 0. */
static size_t test_at(const char *s)
{
	size_t n = 0, digits = 0;

	while (islower((unsigned char)s[n]) || isdigit((unsigned char)s[n]) ||
	       s[n] == '-' || s[n] == '_')
		n++;
	if (n == 0 || s[n++] != '/')
		return 0;
	while (isdigit((unsigned char)s[n + digits]))
		digits++;
	n += digits;
	return digits >= 3 && n < SUITE_NAME / 2 && (!s[n] || text_is_blank(s[n])) ? n
										   : 0;
}

/* "5s": *ret is milliseconds. */
static bool is_seconds(const char *s, size_t n, int64_t *ret)
{
	size_t digits = 0;

	while (digits < n && isdigit((unsigned char)s[digits]))
		digits++;
	if (digits == 0 || digits > 7 || digits + 1 != n || s[digits] != 's')
		return false;
	*ret = strtol(s, NULL, 10) * 1000;
	return true;
}

/* How a test ended, by what stands behind its name. */
static bool parse_end(const char *s, size_t n, enum test_status *ret,
		      const char **ret_text, int64_t *ret_took)
{
	static const struct {
		const char *head;
		enum test_status status;
	} ends[] = {{"[not run]", TEST_SKIP},
		    {"[expunged]", TEST_SKIP},
		    {"[failed", TEST_FAIL},
		    {"- output mismatch", TEST_FAIL},
		    {"_check_", TEST_FAIL}};

	*ret_text = NULL;
	*ret_took = -1;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		if (n < strlen(ends[i].head) || !begins(s, ends[i].head))
			continue;
		*ret = ends[i].status;
		*ret_text = begins(s, "[not run]") ? s + 9 : s;
		return true;
	}
	*ret = TEST_PASS;
	return is_seconds(s, n, ret_took);
}

static int set_output(struct xfstests *x)
{
	struct test_result *t = x->at < x->suite->n ? &x->suite->tests[x->at] : NULL;
	int r = 0;

	if (t && t->status != TEST_PASS)
		r = suite_set_output(x->suite, t, buf_data(&x->output),
				     buf_len(&x->output));
	buf_reset(&x->output);
	return r;
}

/* The test whose line it was has ended so. */
static int end_test(struct xfstests *x, enum test_status status, const char *text,
		    int64_t took_ms)
{
	char name[SUITE_NAME + 1];
	struct test_result *t;
	int n, r;

	x->running = false;
	x->ran = false;
	x->failed = status == TEST_FAIL;
	n = snprintf(name, sizeof(name), "%s%s%s", x->sections ? x->section : "",
		     x->sections ? "." : "", x->name);
	r = suite_again(x->suite, name, (size_t)n < SUITE_NAME ? (size_t)n : SUITE_NAME,
			status, &t);
	if (r < 0)
		return r == -ENOSPC ? 0 : r;
	x->at = (size_t)(t - x->suite->tests);
	t->took_ms = took_ms;
	if (!text || t->text)
		return 0;
	return suite_set_text(t, "%.*s", (int)strlen(text + strspn(text, " ")),
			      text + strspn(text, " "));
}

static int end_unended(struct xfstests *x, const char *why)
{
	int r;

	if (!x->running)
		return 0;
	r = end_test(x, TEST_ERROR, why, -1);
	return r < 0 ? r : set_output(x);
}

/* A line that begins with a test's name. */
static int on_test(struct xfstests *x, const char *line, size_t n)
{
	const char *rest = line + n, *dots;
	enum test_status status;
	const char *text;
	int64_t took;
	size_t len;
	int r = end_unended(x, "it began, and has no result");

	if (r == 0)
		r = set_output(x);
	if (r < 0)
		return r;
	snprintf(x->name, sizeof(x->name), "%.*s", (int)n, line);
	dots = strstr(rest, " ... ");
	if (dots)
		rest = dots + 5;
	len = strlen(rest);
	text_trim(&rest, &len);
	x->running = true;
	if (parse_end(rest, len, &status, &text, &took))
		return end_test(x, status, text, took);
	return 0;
}

/* "Ran:", "Failures:" and a list of names. */
static int on_list(struct xfstests *x, const char *list, bool failures)
{
	size_t n;

	for (list += strspn(list, " "); *list; list += n + strspn(list + n, " ")) {
		char name[SUITE_NAME + 1];
		struct test_result *t;
		int r = 0;

		n = strcspn(list, " ");
		if (test_at(list) != n)
			continue;
		snprintf(name, sizeof(name), "%s%s%.*s", x->sections ? x->section : "",
			 x->sections ? "." : "", (int)n, list);
		t = suite_find(x->suite, name);
		if (!t) {
			r = suite_again(x->suite, name, strlen(name), TEST_ERROR, &t);
			if (r == 0)
				r = suite_set_text(t, "it ran, and there is no line of "
						      "its result");
		} else if (failures && !test_status_is_bad(t->status)) {
			r = suite_set_text(t,
					   "its line says %s, the list of failures has "
					   "it",
					   test_status_name(t->status));
			t->status = TEST_FAIL;
		}
		if (r < 0 && r != -ENOSPC)
			return r;
	}
	return 0;
}

static int on_section(struct xfstests *x, const char *name)
{
	x->sure = true;
	snprintf(x->section, sizeof(x->section), "%.*s",
		 (int)(strlen(name) < SUITE_NAME / 2 ? strlen(name) : SUITE_NAME / 2),
		 name);
	x->sections = true;
	return 0;
}

static int between(struct xfstests *x, const char *line, size_t n)
{
	static const char *const heads[] = {"FSTYP         -- ", "PLATFORM      -- ",
					    "MKFS_OPTIONS  -- ", "MOUNT_OPTIONS -- "};
	bool ran = begins(line, "Ran:"), failures = begins(line, "Failures:");

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
		x->sure = x->sure || begins(line, heads[i]);
	if (begins(line, "SECTION       -- "))
		return on_section(x, line + 17);
	if (begins(line, "Interrupted!"))
		return suite_problem(x->suite, x->lines.number, true,
				     "it was interrupted");
	if (ran || failures || begins(line, "Not run:")) {
		int r = end_unended(x, "it began, and has no result");

		if (r == 0)
			r = set_output(x);
		x->failed = false;
		x->ran = x->ran || ran;
		if (r < 0 || !(ran || failures))
			return r;
		return on_list(x, line + (ran ? 4 : 9), failures);
	}
	return x->running || x->failed ? lines_keep(&x->output, line, n, SUITE_OUTPUT)
				       : 0;
}

static int on_line(void *arg, const char *raw, size_t n, uint64_t number)
{
	struct xfstests *x = arg;
	bool stamp;
	const char *line = lines_skip_stamps(raw, &stamp);
	const char *rest = line, *text;
	size_t len, name = test_at(line);
	enum test_status status;
	int64_t took;

	(void)number;
	len = n - (size_t)(line - raw);
	if (name > 0 && x->sure)
		return on_test(x, line, name);
	/* Kernel lines may have cut the test's line in two. */
	text_trim(&rest, &len);
	if (x->running && parse_end(rest, len, &status, &text, &took))
		return end_test(x, status, text, took);
	return between(x, line, n - (size_t)(line - raw));
}

int xfstests_feed(struct xfstests *x, const void *data, size_t n)
{
	return lines_feed(&x->lines, data, n, on_line, x);
}

int xfstests_end(struct xfstests *x)
{
	int r = lines_end(&x->lines, on_line, x);
	bool cut;

	if (r < 0)
		return r;
	cut = x->running || (x->suite->n > 0 && !x->ran);
	if (x->running) {
		r = end_unended(x, "it was running when the output ended");
		x->suite->running = x->at;
	}
	if (r == 0)
		r = set_output(x);
	x->suite->cut = cut;
	if (r == 0 && cut)
		r = suite_problem(x->suite, 0, true,
				  "the output ends before the list of what ran");
	if (r == 0 && x->suite->n == 0)
		r = suite_problem(x->suite, 0, true, "there is no test result in it");
	return r < 0 ? r : suite_settle(x->suite);
}
