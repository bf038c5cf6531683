// SPDX-License-Identifier: GPL-2.0-or-later
/* The model of a suite run: results, problems, and what follows from them. */
#include "controller/results/suite.h"

#include <search.h>
#include <stdarg.h>
#include <string.h>

#include "controller/strf.h"
#include "proto/text.h"

static const char *const names[TEST_STATUSES] = {"PASS", "FAIL",  "SKIP", "ERROR",
						 "MISS", "XFAIL", "XPASS"};

const char *test_status_name(enum test_status status)
{
	return names[status];
}

int test_status_parse(const char *name, enum test_status *ret)
{
	for (size_t i = 0; name && i < TEST_STATUSES; i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret = (enum test_status)i;
			return 0;
		}
	}
	return -EINVAL;
}

bool test_status_is_bad(enum test_status status)
{
	return status == TEST_FAIL || status == TEST_ERROR || status == TEST_MISS;
}

int suite_init(struct suite_run *s, const char *name, const char *format)
{
	*s = (struct suite_run){.format = format, .running = SUITE_PARENT};
	if (!name)
		return 0;
	s->name = strdup(name);
	return s->name ? 0 : -ENOMEM;
}

void suite_fini(struct suite_run *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->tests[i].name);
		free(s->tests[i].text);
		free(s->tests[i].output);
	}
	for (size_t i = 0; i < s->n_problems; i++)
		free(s->problems[i].text);
	tdestroy(s->by_name, free);
	free(s->tests);
	free(s->problems);
	free(s->name);
	*s = (struct suite_run){.running = SUITE_PARENT};
}

/* At most max bytes of it, escaped; whole characters only. */
static int plain(const char *text, size_t n, size_t max, bool lines, char **ret)
{
	_buf_ struct buf b = BUF_INIT;
	bool cut = n > max;
	const char *s;
	int r;

	if (cut) {
		n = max;
		while (n > 0 && max - n < 4 && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--;
	}
	r = text_escape(&b, text, n, lines);
	if (r == 0 && cut)
		r = buf_append(&b, "...", 3);
	s = r == 0 ? buf_str(&b) : NULL;
	*ret = s ? strdup(s) : NULL;
	return *ret ? 0 : -ENOMEM;
}

/* Room for one more of size bytes, the space doubling. */
static int grow(void *array, size_t n, size_t size)
{
	void **at = array, *more;

	if (n & (n - 1))
		return 0;
	more = reallocarray(*at, n ? 2 * n : 1, size);
	if (!more)
		return -ENOMEM;
	*at = more;
	return 0;
}

int suite_add(struct suite_run *s, const char *name, size_t n, enum test_status status,
	      struct test_result **ret)
{
	struct test_result t = {.parent = SUITE_PARENT,
				.status = status,
				.count = 1,
				.attempts = 1,
				.took_ms = -1};
	int r;

	if (s->n >= SUITE_TESTS) {
		s->more_tests++;
		return -ENOSPC;
	}
	r = grow(&s->tests, s->n, sizeof(t));
	if (r == 0)
		r = plain(name, n, SUITE_NAME, false, &t.name);
	if (r < 0)
		return r;
	s->tests[s->n++] = t;
	if (ret)
		*ret = &s->tests[s->n - 1];
	return 0;
}

/* An entry of by_name; the name is the test's. */
struct named {
	const char *name;
	size_t at;
};

static int compare_named(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

struct test_result *suite_find(struct suite_run *s, const char *name)
{
	struct named key = {.name = name};
	struct named *const *found = tfind(&key, &s->by_name, compare_named);

	return found ? &s->tests[(*found)->at] : NULL;
}

static int badness(enum test_status status)
{
	static const int of[TEST_STATUSES] = {
		[TEST_SKIP] = 0, [TEST_PASS] = 1,  [TEST_XPASS] = 2, [TEST_XFAIL] = 3,
		[TEST_MISS] = 4, [TEST_ERROR] = 5, [TEST_FAIL] = 6};

	return of[status];
}

static int attempt(struct test_result *t, enum test_status status)
{
	enum test_status before = t->status;

	t->attempts++;
	if (before == status)
		return 0;
	if (badness(status) > badness(before))
		t->status = status;
	return suite_set_text(t, "attempt %u was %s, before it was %s", t->attempts,
			      test_status_name(status), test_status_name(before));
}

int suite_again(struct suite_run *s, const char *name, size_t n, enum test_status status,
		struct test_result **ret)
{
	struct test_result *t;
	struct named *entry;
	char *kept;
	int r;

	r = plain(name, n, SUITE_NAME, false, &kept);
	if (r < 0)
		return r;
	t = suite_find(s, kept);
	free(kept);
	if (t) {
		*ret = t;
		return attempt(t, status);
	}
	r = suite_add(s, name, n, status, ret);
	if (r < 0)
		return r;
	entry = malloc(sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	*entry = (struct named){.name = (*ret)->name, .at = s->n - 1};
	if (tsearch(entry, &s->by_name, compare_named))
		return 0;
	free(entry);
	return -ENOMEM;
}

static int _printf_(3, 0)
	format_plain(char **ret, size_t max, const char *fmt, va_list ap)
{
	char *text = NULL;
	int n = vasprintf(&text, fmt, ap), r;

	if (n < 0)
		return -ENOMEM;
	r = plain(text, (size_t)n, max, false, ret);
	free(text);
	return r;
}

int suite_set_text(struct test_result *t, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = format_plain(&text, SUITE_TEXT, fmt, ap);
	va_end(ap);
	if (r < 0)
		return r;
	free(t->text);
	t->text = text;
	return 0;
}

int suite_set_output(struct suite_run *s, struct test_result *t, const void *data,
		     size_t n)
{
	const char *p = data;
	char *text;
	int r;

	if (n > SUITE_OUTPUT) {
		p += n - SUITE_OUTPUT;
		n = SUITE_OUTPUT;
	}
	if (n == 0 || s->output_bytes + n > SUITE_OUTPUTS)
		return 0;
	r = plain(p, n, n, true, &text);
	if (r < 0)
		return r;
	s->output_bytes += n;
	free(t->output);
	t->output = text;
	return 0;
}

int suite_adopt(struct suite_run *s, size_t first, size_t parent)
{
	struct test_result *group = &s->tests[parent];

	for (size_t i = first; i < s->n; i++) {
		struct test_result *t = &s->tests[i];
		_free_ char *name = NULL;
		size_t n = strlen(group->name) + 1;
		char *kept;

		if (i == parent)
			continue;
		name = strf("%s.%s", group->name, t->name);
		if (!name || plain(name, strlen(name), SUITE_NAME, false, &kept) < 0)
			return -ENOMEM;
		free(t->name);
		t->name = kept;
		t->leaf += n;
		if (t->leaf > strlen(kept))
			t->leaf = 0;
		if (t->parent == SUITE_PARENT) {
			t->parent = parent;
			group->group = true;
		}
	}
	return 0;
}

int suite_problem(struct suite_run *s, uint64_t line, bool error, const char *fmt, ...)
{
	struct suite_problem p = {.line = line, .error = error};
	va_list ap;
	int r;

	if (s->n_problems >= SUITE_PROBLEMS) {
		s->more_problems++;
		return 0;
	}
	r = grow(&s->problems, s->n_problems, sizeof(p));
	if (r < 0)
		return r;
	va_start(ap, fmt);
	r = format_plain(&p.text, SUITE_TEXT, fmt, ap);
	va_end(ap);
	if (r == 0)
		s->problems[s->n_problems++] = p;
	return r;
}

/* How its children are. */
struct children {
	const char *bad; /* the first that is */
	size_t expected; /* failures */
};

static int settle_group(struct test_result *t, const struct children *c)
{
	t->counted = test_status_is_bad(t->status) && !c->bad;
	if (!c->bad && t->status == TEST_FAIL && c->expected > 0) {
		/* It failed for what was expected to fail below it. */
		t->counted = false;
		t->status = TEST_XFAIL;
		return 0;
	}
	if (!c->bad || test_status_is_bad(t->status))
		return 0;
	if (suite_set_text(t, "it says %s, but %s below it is not well",
			   test_status_name(t->status), c->bad) < 0)
		return -ENOMEM;
	t->status = TEST_FAIL;
	return 0;
}

/* A group may stand before its children or after them; the deepest come first. */
static size_t depth_of(const struct suite_run *s, size_t i)
{
	size_t depth = 0;

	while (s->tests[i].parent != SUITE_PARENT) {
		i = s->tests[i].parent;
		depth++;
	}
	return depth;
}

static int settle_depth(struct suite_run *s, struct children *c, const uint16_t *depth,
			uint16_t d)
{
	for (size_t i = 0; i < s->n; i++) {
		struct test_result *t = &s->tests[i];
		int r;

		if (depth[i] != d)
			continue;
		t->counted = true;
		r = t->group ? settle_group(t, &c[i]) : 0;
		if (r < 0)
			return r;
		if (t->parent == SUITE_PARENT)
			continue;
		if (test_status_is_bad(t->status) && !c[t->parent].bad)
			c[t->parent].bad = t->name;
		c[t->parent].expected += t->status == TEST_XFAIL;
	}
	return 0;
}

int suite_settle(struct suite_run *s)
{
	_free_ struct children *c = calloc(s->n + 1, sizeof(*c));
	_free_ uint16_t *depth = calloc(s->n + 1, sizeof(*depth));
	uint16_t deepest = 0;
	int r = c && depth ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < s->n; i++) {
		depth[i] = (uint16_t)depth_of(s, i);
		if (depth[i] > deepest)
			deepest = depth[i];
	}
	for (uint16_t d = deepest + 1; r == 0 && d-- > 0;)
		r = settle_depth(s, c, depth, d);
	return r;
}

void suite_count(const struct suite_run *s, struct suite_counts *ret)
{
	*ret = (struct suite_counts){0};
	for (size_t i = 0; i < s->n; i++) {
		if (!s->tests[i].counted)
			continue;
		ret->of[s->tests[i].status] += s->tests[i].count;
		ret->all += s->tests[i].count;
	}
	for (size_t i = 0; i < s->n_problems; i++)
		ret->errors += s->problems[i].error;
	ret->errors += s->more_tests > 0;
}

enum test_status suite_verdict(const struct suite_run *s)
{
	struct suite_counts c;

	suite_count(s, &c);
	if (c.of[TEST_FAIL] > 0)
		return TEST_FAIL;
	if (c.of[TEST_ERROR] > 0 || c.of[TEST_MISS] > 0 || c.errors > 0 || c.all == 0)
		return TEST_ERROR;
	return c.of[TEST_SKIP] == c.all ? TEST_SKIP : TEST_PASS;
}
