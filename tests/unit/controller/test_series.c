// SPDX-License-Identifier: GPL-2.0-or-later
/* Mails become postings, postings versions of series. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/mail/series.h"

static void add(struct posts *all, const char *id, const char *parent, const char *text,
		const char *email, int64_t date)
{
	const struct post p = {.id = (char *)id,
			       .parent = (char *)parent,
			       .text = (char *)text,
			       .author = (char *)"A",
			       .email = (char *)email,
			       .date = date};

	assert_int_equal(posts_add(all, &p), 0);
}

static void check(const struct posting *p, unsigned version, unsigned total, size_t n,
		  const char *first)
{
	assert_int_equal(p->version, version);
	assert_int_equal(p->total, total);
	assert_int_equal(p->n, n);
	assert_string_equal(p->first->id, first);
}

static void versions_are_one_series(void **state)
{
	_posts_ struct posts all = {0};
	_series_ struct series_list l = {0};

	(void)state;
	/* As a feed has them: newest first, and what is no patch between. */
	add(&all, "q@x", NULL, "a question", "a@x", 900);
	add(&all, "v2-2@x", "v2-0@x", "[PATCH v2 2/2] b", "a@x", 802);
	add(&all, "v2-1@x", "v2-0@x", "[PATCH v2 1/2] a", "a@x", 801);
	add(&all, "re@x", "v2-1@x", "Re: [PATCH v2 1/2] a", "b@x", 850);
	add(&all, "v2-0@x", "v1-0@x", "[PATCH v2 0/2] Both", "A@x", 800);
	add(&all, "one@x", NULL, "[PATCH] one", "b@x", 700);
	add(&all, "v1-1@x", "v1-0@x", "[PATCH 1/3] a", "a@x", 101);
	add(&all, "v1-2@x", "v1-0@x", "[PATCH 2/3] b", "a@x", 102);
	add(&all, "v1-3@x", "v1-0@x", "[PATCH 3/3] c", "a@x", 103);
	add(&all, "v1-0@x", NULL, "[PATCH 0/3] both ", "a@x", 100);
	assert_int_equal(series_group(&all, &l), 0);
	assert_int_equal(l.n, 2);
	assert_int_equal(l.s[0].n, 2);
	check(&l.s[0].postings[0], 2, 2, 3, "v2-0@x");
	check(&l.s[0].postings[1], 1, 3, 4, "v1-0@x");
	assert_int_equal(l.s[1].n, 1);
	check(&l.s[1].postings[0], 1, 1, 1, "one@x");
	assert_ptr_equal(series_find(&l, "v1-2@x"), &l.s[0].postings[1]);
	assert_null(series_find(&l, "re@x"));
	assert_null(series_find(&l, "q@x"));
}

static void a_cover_letter_out_of_sight(void **state)
{
	_posts_ struct posts all = {0};
	_series_ struct series_list l = {0};
	unsigned first = 0;

	(void)state;
	add(&all, "2@x", "0@x", "[PATCH 2/4] b", "a@x", 2);
	add(&all, "4@x", "0@x", "[PATCH 4/4] d", "a@x", 4);
	add(&all, "1@x", "0@x", "[PATCH 1/4] a", "a@x", 1);
	assert_int_equal(series_group(&all, &l), 0);
	assert_int_equal(l.n, 1);
	check(&l.s[0].postings[0], 1, 4, 3, "1@x");
	assert_int_equal(posting_missing(&l.s[0].postings[0], &first), 1);
	assert_int_equal(first, 3);
}

static void without_threads_it_is_the_time(void **state)
{
	_posts_ struct posts all = {0};
	_series_ struct series_list l = {0};
	unsigned first = 0;

	(void)state;
	add(&all, "a1@x", NULL, "[PATCH 1/2] a", "a@x", 1000);
	add(&all, "a2@x", NULL, "[PATCH 2/2] b", "a@x", 1010);
	/* Another day's, and another's. */
	add(&all, "b1@x", NULL, "[PATCH 1/2] c", "a@x", 90000);
	add(&all, "c2@x", NULL, "[PATCH 2/2] d", "c@x", 1005);
	assert_int_equal(series_group(&all, &l), 0);
	assert_int_equal(l.n, 3);
	assert_int_equal(posting_missing(series_find(&l, "a1@x"), &first), 0);
	assert_int_equal(posting_missing(series_find(&l, "b1@x"), &first), 1);
	assert_int_equal(first, 2);
	assert_int_equal(posting_missing(series_find(&l, "c2@x"), &first), 1);
	assert_int_equal(first, 1);
}

static void each_reply_to_the_one_before(void **state)
{
	_posts_ struct posts all = {0};
	_series_ struct series_list l = {0};
	unsigned first = 0;

	(void)state;
	add(&all, "1@x", NULL, "[PATCH 1/3] a", "a@x", 1);
	add(&all, "3@x", "2@x", "[PATCH 3/3] c", "a@x", 3);
	add(&all, "2@x", "1@x", "[PATCH 2/3] b", "a@x", 2);
	assert_int_equal(series_group(&all, &l), 0);
	assert_int_equal(l.n, 1);
	check(&l.s[0].postings[0], 1, 3, 3, "1@x");
	assert_int_equal(posting_missing(&l.s[0].postings[0], &first), 0);
}

static void resent_ones(void **state)
{
	_posts_ struct posts all = {0};
	_series_ struct series_list l = {0};

	(void)state;
	add(&all, "1@x", NULL, "[PATCH v2] a", "a@x", 1);
	add(&all, "2@x", NULL, "[PATCH RESEND v2] a", "a@x", 100);
	/* A patch that was sent twice in its thread: the later one counts. */
	add(&all, "0@y", NULL, "[PATCH 0/1] y", "y@y", 10);
	add(&all, "1@y", "0@y", "[PATCH 1/1] yy", "y@y", 11);
	add(&all, "1b@y", "0@y", "[PATCH 1/1] yy", "y@y", 12);
	assert_int_equal(series_group(&all, &l), 0);
	assert_int_equal(l.n, 2);
	assert_int_equal(l.s[0].n, 2);
	check(&l.s[0].postings[0], 2, 1, 1, "2@x");
	assert_true(l.s[0].postings[0].resend);
	assert_false(l.s[0].postings[1].resend);
	assert_int_equal(l.s[1].n, 1);
	assert_int_equal(l.s[1].postings[0].n, 2);
	assert_string_equal(l.s[1].postings[0].posts[1]->id, "1b@y");
}

static void posts_are_checked(void **state)
{
	_posts_ struct posts all = {0};
	struct post p = {.id = (char *)"no id"};

	(void)state;
	assert_int_equal(posts_add(&all, &p), -EINVAL);
	add(&all, "1@x", "no id either", "[PATCH] a", "", 0);
	add(&all, "1@x", NULL, "again", "", 0);
	assert_int_equal(all.n, 1);
	assert_null(all.p[0].parent);
	for (size_t i = 1; i < POSTS_MAX; i++) {
		char id[32];

		snprintf(id, sizeof(id), "%zu@y", i);
		add(&all, id, NULL, "", "", 0);
	}
	p.id = (char *)"more@x";
	assert_int_equal(posts_add(&all, &p), -E2BIG);
}

static void nothing_is_no_series(void **state)
{
	_posts_ struct posts all = {0};
	_series_ struct series_list l = {0};

	(void)state;
	assert_int_equal(series_group(&all, &l), 0);
	assert_int_equal(l.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_are_one_series),
		cmocka_unit_test(a_cover_letter_out_of_sight),
		cmocka_unit_test(without_threads_it_is_the_time),
		cmocka_unit_test(each_reply_to_the_one_before),
		cmocka_unit_test(resent_ones),
		cmocka_unit_test(posts_are_checked),
		cmocka_unit_test(nothing_is_no_series),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
