/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long a build will take, by those before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "controller/build/buildtimes.h"

#define WHAT  "00112233445566778899aabbccddeeff"
#define OTHER "ff112233445566778899aabbccddeeff"

/* A hundred files, one each `pace` ms, and a link of `link` ms. */
static struct buildtimes_one build(const char *what, bool fresh, int32_t pace,
				   int32_t link)
{
	struct buildtimes_one b = {.fresh = fresh, .steps = 100};
	int32_t times[100];

	memcpy(b.what, what, sizeof(b.what));
	for (int32_t i = 0; i < 100; i++)
		times[i] = i * pace;
	b.took_ms = 100 * pace + link;
	buildtimes_points(&b, times);
	return b;
}

static void near(int64_t a, int64_t b, int64_t by)
{
	if (a < b - by || a > b + by)
		fail_msg("%lld is not %lld", (long long)a, (long long)b);
}

static void what_is_left_of_one_like_it(void **state)
{
	struct buildtimes h = {.n = 0};
	struct buildtimes_one b = build(WHAT, true, 1000, 20000);

	(void)state;
	assert_int_equal(buildtimes_left(&h, WHAT, true, 0, 0), -1);
	buildtimes_add(&h, &b);
	near(buildtimes_left(&h, WHAT, true, 0, 0), 120000, 0);
	near(buildtimes_left(&h, WHAT, true, 50, 50000), 70000, 1500);
	/* What comes behind the last file counts. */
	near(buildtimes_left(&h, WHAT, true, 99, 99000), 21000, 1500);
	/* This machine is slower today, but not beyond all measure. */
	near(buildtimes_left(&h, WHAT, true, 50, 75000), 105000, 3000);
	near(buildtimes_left(&h, WHAT, true, 50, 5000000), 140000, 3000);
	near(buildtimes_left(&h, WHAT, true, 50, 2500), 35000, 1500);
	/* More files than it had, other words, nothing built before. */
	assert_int_equal(buildtimes_left(&h, WHAT, true, 100, 0), -1);
	assert_int_equal(buildtimes_left(&h, OTHER, true, 0, 0), -1);
	assert_int_equal(buildtimes_left(&h, WHAT, false, 0, 0), -1);
}

static void one_that_was_odd_does_not_count(void **state)
{
	static const int32_t pace[] = {1000, 900, 90000, 1100, 1};
	struct buildtimes h = {.n = 0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pace); i++) {
		struct buildtimes_one b = build(WHAT, true, pace[i], 0);

		buildtimes_add(&h, &b);
	}
	near(buildtimes_left(&h, WHAT, true, 0, 0), 100000, 0);
}

static void the_oldest_goes(void **state)
{
	struct buildtimes h = {.n = 0};

	(void)state;
	for (int32_t i = 1; i <= BUILDTIMES_BUILDS + 2; i++) {
		struct buildtimes_one b = build(WHAT, true, i, 0);

		buildtimes_add(&h, &b);
	}
	assert_int_equal(h.n, BUILDTIMES_BUILDS);
	assert_int_equal(h.v[0].took_ms, 300);
}

static void text_and_back(void **state)
{
	struct buildtimes h = {.n = 0}, again;
	struct buildtimes_one b = build(WHAT, true, 1000, 20000);
	struct buildtimes_one c = build(OTHER, false, 1, 2);
	_buf_ struct buf text = BUF_INIT;

	(void)state;
	buildtimes_add(&h, &b);
	buildtimes_add(&h, &c);
	assert_int_equal(buildtimes_print(&h, &text), 0);
	assert_int_equal(
		buildtimes_parse((const char *)buf_data(&text), buf_len(&text), &again),
		0);
	assert_int_equal(again.n, 2);
	near(buildtimes_left(&again, WHAT, true, 50, 50000), 70000, 1500);
	assert_false(again.v[1].fresh);
}

static void what_is_no_text_of_ours(void **state)
{
#define B "{\"version\": 1, \"builds\": [{\"what\": \"" WHAT "\", \"fresh\": true, "
	static const char *const bad[] = {
		"",
		"{}",
		"{\"version\": 2, \"builds\": []}",
		"{\"version\": 1, \"builds\": [3]}",
		B "\"steps\": 1, \"ms\": 5, \"at\": []}]}",
		B "\"steps\": 0, \"ms\": 5, \"at\": [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}]}",
		B "\"steps\": 1, \"ms\": 5, \"at\": [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,6]}]}",
		B "\"steps\": 1, \"ms\": 5, \"at\": [3,2,3,3,3,3,3,3,3,3,3,3,3,3,3,3]}]}",
		B
		"\"steps\": 1, \"ms\": -5, \"at\": [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}]}",
		B "\"steps\": 99999999, \"ms\": 5, "
		  "\"at\": [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}]}",
	};
	struct buildtimes h;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(buildtimes_parse(bad[i], strlen(bad[i]), &h), -EBADMSG);
		assert_int_equal(h.n, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_of_one_like_it),
		cmocka_unit_test(one_that_was_odd_does_not_count),
		cmocka_unit_test(the_oldest_goes),
		cmocka_unit_test(text_and_back),
		cmocka_unit_test(what_is_no_text_of_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
