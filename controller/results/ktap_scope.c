// SPDX-License-Identifier: GPL-2.0-or-later
/* Plans, and what became of what they promised. */
#include <inttypes.h>
#include <string.h>

#include "controller/results/ktap_internal.h"

#define RANGES 32 /* of missing tests that are told one by one, per plan */

int ktap_open(struct ktap *k, unsigned indent, bool hash, struct ktap_scope **ret)
{
	struct ktap_scope *s;

	if (k->depth == KTAP_DEPTH) {
		*ret = &k->scope[KTAP_DEPTH - 1];
		if (k->too_deep)
			return 0;
		k->too_deep = true;
		return suite_problem(k->suite, k->lines.number, true,
				     "nested deeper than %d levels", KTAP_DEPTH);
	}
	s = &k->scope[k->depth++];
	*s = (struct ktap_scope){.indent = indent, .hash = hash, .first = k->suite->n};
	if (*k->next_name && k->depth > 1)
		memcpy(s->name, k->next_name, sizeof(s->name));
	k->next_name[0] = '\0';
	*ret = s;
	return 0;
}

/* What a scope is called in problems. */
static const char *called(const struct ktap *k, const struct ktap_scope *s)
{
	if (!*s->name && s->hash && *k->header)
		return k->header;
	return *s->name ? s->name : "the test suite";
}

static int note_number(struct ktap_scope *s, uint64_t number)
{
	if ((s->n & (s->n - 1)) == 0) {
		uint64_t *more =
			reallocarray(s->numbers, s->n ? 2 * s->n : 1, sizeof(*more));

		if (!more)
			return -ENOMEM;
		s->numbers = more;
	}
	s->numbers[s->n++] = number;
	s->last = number;
	return 0;
}

static bool was_seen(const struct ktap_scope *s, uint64_t number)
{
	/* The usual order needs no search. */
	if (s->n == 0 || (number > s->last && s->last >= s->n))
		return false;
	for (size_t i = s->n; i-- > 0;) {
		if (s->numbers[i] == number)
			return true;
	}
	return false;
}

int ktap_count(struct ktap *k, struct ktap_scope *s, const struct ktap_line *l)
{
	uint64_t number = l->numbered ? l->number : s->last + 1;
	int r = 0;

	/* Nothing of it will be kept. */
	if (k->suite->n >= SUITE_TESTS)
		return 0;
	if (number == 0 || number == UINT64_MAX ||
	    (s->has_plan && !s->late_plan && number > s->plan))
		r = suite_problem(k->suite, k->lines.number, true,
				  "%s: a result with a number that is not in the plan "
				  "(1..%" PRIu64 ")",
				  called(k, s), s->plan);
	else if (was_seen(s, number))
		r = suite_problem(k->suite, k->lines.number, true,
				  "%s: a second result with the number %" PRIu64,
				  called(k, s), number);
	else if (number < s->last)
		r = suite_problem(k->suite, k->lines.number, false,
				  "%s: result %" PRIu64 " came after %" PRIu64,
				  called(k, s), number, s->last);
	return r < 0 ? r : note_number(s, number);
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Tests from..to have no result. */
static int add_missing(struct ktap *k, uint64_t from, uint64_t to, uint64_t count)
{
	struct test_result *t;
	char name[64];
	int r;

	if (from == to)
		snprintf(name, sizeof(name), "test %" PRIu64, from);
	else
		snprintf(name, sizeof(name), "tests %" PRIu64 "-%" PRIu64, from, to);
	r = suite_add(k->suite, name, strlen(name), TEST_MISS, &t);
	if (r < 0)
		return r == -ENOSPC ? 0 : r;
	t->count = count;
	return suite_set_text(t, "planned, and there is no result");
}

/* How many numbers from index i on are in the plan, each counted once. */
static uint64_t seen_from(const struct ktap_scope *s, size_t i)
{
	uint64_t seen = 0;

	for (; i < s->n && s->numbers[i] <= s->plan; i++)
		seen += i == 0 || s->numbers[i] != s->numbers[i - 1];
	return seen;
}

static int add_all_missing(struct ktap *k, struct ktap_scope *s)
{
	uint64_t next = 1, missing = 0;
	size_t ranges = 0;
	int r = 0;

	if (s->n > 1)
		qsort(s->numbers, s->n, sizeof(*s->numbers), by_number);
	for (size_t i = 0; i <= s->n && r == 0 && next <= s->plan; i++) {
		uint64_t number = s->plan + 1, seen = 0;

		/* All that is left is one line after so many. */
		if (ranges == RANGES)
			seen = seen_from(s, i);
		else if (i < s->n && s->numbers[i] < number)
			number = s->numbers[i];
		if (number > next && number - next > seen) {
			ranges++;
			missing += number - next - seen;
			r = add_missing(k, next, number - 1, number - next - seen);
		}
		if (number >= next)
			next = number + 1;
	}
	if (r < 0 || missing == 0)
		return r;
	return suite_problem(k->suite, 0, true,
			     "%s: the plan was 1..%" PRIu64 ", and %" PRIu64
			     " of its tests have no result",
			     called(k, s), s->plan, missing);
}

int ktap_close(struct ktap *k)
{
	struct ktap_scope *s = &k->scope[k->depth - 1];
	int r = 0;

	if (s->has_plan && s->late_plan && s->n > s->plan)
		r = suite_problem(k->suite, 0, true,
				  "%s: the plan was 1..%" PRIu64
				  ", and there are %zu results",
				  called(k, s), s->plan, s->n);
	if (r == 0 && s->has_plan)
		r = add_all_missing(k, s);
	free(s->numbers);
	s->numbers = NULL;
	k->depth--;
	return r;
}

int ktap_unended(struct ktap *k, struct ktap_scope *s, const char *name, bool cut,
		 struct test_result **ret)
{
	char number[32];
	struct test_result *t;
	int r;

	if (!*name) {
		snprintf(number, sizeof(number), "test %" PRIu64, s->last + 1);
		name = number;
	}
	r = note_number(s, s->last + 1);
	if (r == 0)
		r = suite_add(k->suite, name, strlen(name), TEST_ERROR, &t);
	if (r < 0)
		return r;
	if (cut && k->suite->running == SUITE_PARENT)
		k->suite->running = k->suite->n - 1;
	r = suite_set_output(k->suite, t, buf_data(&k->output), buf_len(&k->output));
	buf_reset(&k->output);
	*ret = t;
	return r < 0 ? r
		     : suite_set_text(t, "%s",
				      cut ? "it was running when the output ended"
					  : "it began, and has no result");
}

/* The innermost scope is complete and no result was to come for it: the whole stream is
 * indented. */
static bool is_whole(const struct ktap *k)
{
	const struct ktap_scope *s = &k->scope[k->depth - 1], *parent = s - 1;

	return parent->implied && parent->n == 0 &&
	       (!s->has_plan || s->skipped || s->n >= s->plan);
}

int ktap_abandon(struct ktap *k, bool cut)
{
	struct ktap_scope *s = &k->scope[k->depth - 1], *parent = s - 1;
	size_t first = s->first;
	struct test_result *t;
	char name[SUITE_NAME + 1];
	int r = 0;

	if (is_whole(k))
		return ktap_close(k);
	memcpy(name, *s->name || !s->hash ? s->name : k->header, sizeof(name));
	if (cut && s->has_plan && !s->late_plan && s->n < s->plan && s->last < s->plan &&
	    k->suite->running == SUITE_PARENT)
		r = ktap_unended(k, s, "", true, &t);
	if (r == 0 || r == -ENOSPC)
		r = ktap_close(k);
	if (r == 0)
		r = ktap_unended(k, parent, name, cut, &t);
	if (r == -ENOSPC)
		return 0;
	if (s->hash)
		k->header[0] = '\0';
	return r < 0 ? r : suite_adopt(k->suite, first, k->suite->n - 1);
}

int ktap_abandon_to(struct ktap *k, size_t depth)
{
	int r = 0;

	while (r == 0 && k->depth > depth)
		r = ktap_abandon(k, false);
	return r;
}

int ktap_close_all(struct ktap *k, bool cut)
{
	struct ktap_scope *top = &k->scope[0];
	struct test_result *t;
	int r = 0;

	if (k->depth == 0)
		return 0;
	while (r == 0 && k->depth > 1) {
		k->suite->cut = k->suite->cut || (cut && !is_whole(k));
		r = ktap_abandon(k, cut && !k->bailed);
	}
	if (r == 0 && *k->header) {
		k->suite->cut = k->suite->cut || cut;
		r = ktap_unended(k, top, k->header, cut, &t);
		k->header[0] = '\0';
	}
	if (r == 0 && top->has_plan && !top->late_plan && top->last < top->plan &&
	    top->n < top->plan) {
		k->suite->cut = k->suite->cut || cut;
		if (cut && !k->bailed && k->suite->running == SUITE_PARENT)
			r = ktap_unended(k, top, "", true, &t);
	}
	if (r < 0 && r != -ENOSPC)
		return r;
	return ktap_close(k);
}
