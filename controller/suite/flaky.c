// SPDX-License-Identifier: GPL-2.0-or-later
/* Attempts are put together by the tests' paths. */
#include "controller/suite/flaky.h"

#include <string.h>

#include "controller/strf.h"

bool flaky_may_retry(const struct suite_run *s)
{
	bool failed = false;

	if (s->cut)
		return false;
	for (size_t i = 0; i < s->n; i++)
		failed = failed ||
			 (s->tests[i].counted && test_status_is_bad(s->tests[i].status));
	return failed;
}

int flaky_failed(const struct suite_run *s, char ***ret, size_t *ret_n)
{
	size_t bytes = 0, n = 0;
	char **list, *at;

	for (size_t i = 0; i < s->n; i++) {
		const struct test_result *t = &s->tests[i];

		if (t->group || !test_status_is_bad(t->status) || t->count > 1)
			continue;
		bytes += strlen(t->name) + 1;
		n++;
	}
	list = malloc((n + 1) * sizeof(*list) + bytes);
	if (!list)
		return -ENOMEM;
	at = (char *)(list + n + 1);
	n = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct test_result *t = &s->tests[i];

		if (t->group || !test_status_is_bad(t->status) || t->count > 1)
			continue;
		list[n++] = at;
		at = stpcpy(at, t->name) + 1;
	}
	list[n] = NULL;
	*ret = list;
	*ret_n = n;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct test_result *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static const struct test_result **sorted(const struct suite_run *s)
{
	const struct test_result **list =
		calloc(s->n + 1, sizeof(const struct test_result *));

	for (size_t i = 0; list && i < s->n; i++)
		list[i] = &s->tests[i];
	if (list)
		qsort(list, s->n, sizeof(const struct test_result *), by_name);
	return list;
}

static bool has_passed(enum test_status s)
{
	return s == TEST_PASS || s == TEST_XPASS;
}

/* "flaky: FAIL (2 times), then PASS"; the next attempt is appended. */
static int tell(struct test_result *t, unsigned attempts, enum test_status then)
{
	_free_ char *before = NULL;

	if (t->flaky && t->text && strncmp(t->text, "flaky: ", 7) == 0)
		before = strdup(t->text + 7);
	else if (attempts > 1)
		before = strf("%s (%u times)", test_status_name(t->status), attempts);
	else
		before = strdup(test_status_name(t->status));
	if (!before)
		return -ENOMEM;
	t->flaky = true;
	return suite_set_text(t, "flaky: %s, then %s", before, test_status_name(then));
}

static int merge_one(struct test_result *t, const struct test_result *u)
{
	bool was_bad = test_status_is_bad(t->status);
	bool is_bad = test_status_is_bad(u->status);
	unsigned before = t->attempts;
	int r = 0;

	t->attempts += u->attempts;
	if (t->flaky || (was_bad && has_passed(u->status)) ||
	    (has_passed(t->status) && is_bad))
		r = tell(t, before, u->status);
	if (r == 0 && !t->flaky && !was_bad && is_bad) {
		/* It was skipped, or failed as expected. */
		t->status = u->status;
		r = u->text ? suite_set_text(t, "%s", u->text) : 0;
	} else if (was_bad && has_passed(u->status)) {
		t->status = u->status;
	}
	return r;
}

static bool is_own_fault(const struct test_result *t)
{
	return t->group && t->counted && test_status_is_bad(t->status);
}

/* A group that failed by itself in some attempt, and has not passed in any.  Asked when t
 * is what both came to, and not settled yet. */
static int note_own_fault(struct test_result *t, const struct test_result *u, bool *ret)
{
	*ret = test_status_is_bad(t->status) && (is_own_fault(t) || is_own_fault(u));
	return *ret && is_own_fault(u) && u->text ? suite_set_text(t, "%s", u->text) : 0;
}

/* A group is as well as what is below it, each of which may have passed another time; but
 * for an own fault. */
static void excuse_groups(struct suite_run *s, const bool *own)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct test_result *t = &s->tests[i];

		for (size_t at = t->parent; t->flaky && !t->group && at != SUITE_PARENT;
		     at = s->tests[at].parent) {
			if (s->tests[at].status == TEST_FAIL && !own[at])
				s->tests[at].status = TEST_PASS;
		}
	}
	/* And no better. */
	for (size_t i = 0; i < s->n; i++) {
		const struct test_result *t = &s->tests[i];

		for (size_t at = t->parent;
		     (!t->group || own[i]) && test_status_is_bad(t->status) &&
		     at != SUITE_PARENT;
		     at = s->tests[at].parent)
			s->tests[at].status = TEST_FAIL;
	}
}

static int merge_problems(struct suite_run *s, const struct suite_run *again)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < again->n_problems; i++) {
		const struct suite_problem *p = &again->problems[i];

		/* That a pattern fits none of a few tests is no news. */
		if (p->error)
			r = suite_problem(s, p->line, true, "when it ran again: %s",
					  p->text);
	}
	return r;
}

static bool is_in(const struct test_result **list, size_t n, const struct test_result *t)
{
	return bsearch(&t, list, n, sizeof(const struct test_result *), by_name);
}

/* No earlier result excuses what only this attempt tells, as that the runner failed. */
static int add_others(struct suite_run *s, const struct suite_run *again)
{
	const struct test_result **list = sorted(s);
	size_t n = s->n;
	bool *known = calloc(again->n + 1, sizeof(*known)); /* the list goes stale */
	int r = list && known ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < again->n; i++)
		known[i] = is_in(list, n, &again->tests[i]);
	for (size_t i = 0; r == 0 && i < again->n; i++) {
		const struct test_result *u = &again->tests[i];
		struct test_result *t;

		if (known[i] || !u->counted || !test_status_is_bad(u->status))
			continue;
		r = suite_add(s, u->name, strlen(u->name), u->status, &t);
		if (r == -ENOSPC)
			r = 0;
		else if (r == 0) {
			t->count = u->count;
			r = u->text ? suite_set_text(t, "%s", u->text) : 0;
		}
	}
	free(known);
	free(list);
	return r;
}

/* It did not end: what ran then is not flaky, whatever it came to before. */
static int take_cut(struct suite_run *s, const struct suite_run *again)
{
	const struct test_result *u;

	if (!again->cut)
		return 0;
	s->cut = true;
	if (again->running == SUITE_PARENT)
		return 0;
	u = &again->tests[again->running];
	for (size_t i = 0; i < s->n; i++) {
		struct test_result *t = &s->tests[i];

		if (strcmp(t->name, u->name) != 0)
			continue;
		s->running = i;
		t->status = u->status;
		t->flaky = false;
		return u->text ? suite_set_text(t, "%s", u->text) : 0;
	}
	return 0;
}

/* own: by test, whether its fault is its own. */
static int merge_each(struct suite_run *s, const struct suite_run *again, bool *own)
{
	const struct test_result **list = sorted(again);
	int r = list ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < s->n; i++) {
		struct test_result *t = &s->tests[i];
		const struct test_result *key = t, **found;

		own[i] = is_own_fault(t);
		found = bsearch(&key, list, again->n, sizeof(const struct test_result *),
				by_name);
		if (!found || t->count > 1 || (*found)->count > 1 ||
		    t->group != (*found)->group)
			continue;
		r = merge_one(t, *found);
		if (r == 0 && t->group)
			r = note_own_fault(t, *found, &own[i]);
	}
	free(list);
	return r;
}

int flaky_merge(struct suite_run *s, const struct suite_run *again)
{
	/* With those that add_others() adds. */
	_free_ bool *own = calloc(s->n + again->n + 1, sizeof(*own));
	int r = own ? merge_each(s, again, own) : -ENOMEM;

	if (r == 0)
		r = merge_problems(s, again);
	if (r == 0)
		r = add_others(s, again);
	if (r < 0)
		return r;
	excuse_groups(s, own);
	r = take_cut(s, again);
	return r < 0 ? r : suite_settle(s);
}

size_t flaky_count(const struct suite_run *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->tests[i].flaky && !s->tests[i].group;
	return n;
}
