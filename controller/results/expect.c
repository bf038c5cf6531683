// SPDX-License-Identifier: GPL-2.0-or-later
/* Expected failures. */
#include "controller/results/expect.h"

#include <fnmatch.h>
#include <string.h>

#include "proto/reason.h"
#include "proto/text.h"

void expect_fini(struct expect *e)
{
	for (size_t i = 0; i < e->n; i++) {
		free(e->list[i].pattern);
		free(e->list[i].reason);
	}
	free(e->list);
	*e = (struct expect){0};
}

/* What is wrong with a line, NULL: nothing.  *ret_behind: what follows the pattern. */
static const char *split(const char *s, size_t n, const char **ret_pattern, size_t *ret_n,
			 const char **ret_behind)
{
	size_t i = 0;

	if (*s == '"') {
		const char *quote = memchr(s + 1, '"', n - 1);

		if (!quote)
			return "a quote is not closed";
		*ret_pattern = s + 1;
		*ret_n = (size_t)(quote - s) - 1;
		i = *ret_n + 2;
	} else {
		while (i < n && !text_is_blank(s[i]))
			i++;
		*ret_pattern = s;
		*ret_n = i;
	}
	*ret_behind = s + i;
	if (*ret_n == 0)
		return "the pattern is empty";
	if (i < n && !text_is_blank(s[i]))
		return "a blank is missing behind the pattern";
	return NULL;
}

static int add(struct expect *e, const char *s, size_t n, unsigned line,
	       const char **ret_wrong)
{
	const char *pattern, *behind, *end = s + n;
	struct expectation x = {.line = line};
	size_t pattern_n, reason_n;

	*ret_wrong = n > EXPECT_LINE		  ? "the line is too long"
		     : !text_is_plain(s, n, true) ? "it is not plain text (UTF-8)"
		     : e->n >= EXPECT_LINES	  ? "there are too many patterns"
						  : NULL;
	if (!*ret_wrong)
		*ret_wrong = split(s, n, &pattern, &pattern_n, &behind);
	if (*ret_wrong)
		return -EINVAL;
	reason_n = (size_t)(end - behind);
	text_trim(&behind, &reason_n);
	if (reason_n == 0) {
		*ret_wrong = "the reason is missing behind the pattern";
		return -EINVAL;
	}
	if ((e->n & (e->n - 1)) == 0) {
		struct expectation *more =
			reallocarray(e->list, e->n ? 2 * e->n : 1, sizeof(*more));

		if (!more)
			return -ENOMEM;
		e->list = more;
	}
	x.pattern = strndup(pattern, pattern_n);
	x.reason = strndup(behind, reason_n);
	e->list[e->n++] = x;
	return x.pattern && x.reason ? 0 : -ENOMEM;
}

int expect_parse(const char *text, size_t n, const char *name, struct expect *ret,
		 struct kf_error *err)
{
	_expect_ struct expect e = {0};
	const char *end = text + n;

	for (unsigned line = 1; text < end; line++) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		const char *next = nl ? nl + 1 : end, *wrong = NULL;
		size_t len = (size_t)((nl ? nl : end) - text);
		int r = 0;

		text_trim(&text, &len);
		if (len > 0 && *text != '#')
			r = add(&e, text, len, line, &wrong);
		if (r == -ENOMEM)
			return kf_err(err, r, KF_REASON_NO_MEMORY, "no memory");
		if (r < 0)
			return kf_err(err, r, KF_REASON_INVALID, "%s:%u: %s", name, line,
				      wrong);
		text = next;
	}
	*ret = e;
	e = (struct expect){0};
	return 0;
}

static struct expectation *find(struct expect *e, const char *name)
{
	for (size_t i = 0; i < e->n; i++) {
		if (fnmatch(e->list[i].pattern, name, 0) == 0)
			return &e->list[i];
	}
	return NULL;
}

static int apply(struct expectation *x, struct test_result *t)
{
	_free_ char *text = NULL;

	x->used++;
	if (t->status != TEST_FAIL && t->status != TEST_PASS)
		return 0;
	if (t->status == TEST_PASS) {
		t->status = TEST_XPASS;
		return suite_set_text(t, "passed; a failure was expected: %s", x->reason);
	}
	t->status = TEST_XFAIL;
	text = TAKE_PTR(t->text);
	return suite_set_text(t, "expected: %s%s%s", x->reason, text ? "; " : "",
			      text ? text : "");
}

int expect_apply(struct expect *e, struct suite_run *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct test_result *t = &s->tests[i];
		struct expectation *x = find(e, t->name);
		int r = 0;

		/* What did not end has not failed as expected; a group that is well
		 * because of its children is not unexpected. */
		if (x && !(s->cut && i == s->running) &&
		    (!t->group || t->status == TEST_FAIL))
			r = apply(x, t);
		else if (x)
			x->used++;
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < e->n; i++) {
		if (e->list[i].used == 0 &&
		    suite_problem(s, 0, false,
				  "expected failures, line %u: no test is called %s",
				  e->list[i].line, e->list[i].pattern) < 0)
			return -ENOMEM;
	}
	return suite_settle(s);
}
