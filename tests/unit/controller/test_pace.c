/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The level against a link and a compressor that are numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/deploy/pace.h"

#define CHUNK 131072

/* What zstd does on a machine like this one, roughly: MB/s in, and the ratio. */
static void model(int level, double *speed, double *ratio)
{
	static const struct {
		int level;
		double speed, ratio;
	} all[] = {{-100, 2000, 1.02}, {-5, 700, 1.8}, {1, 450, 2.8},
		   {3, 250, 3.1},      {5, 100, 3.3},  {7, 60, 3.4}};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		*speed = all[i].speed;
		*ratio = all[i].ratio;
		if (all[i].level >= level)
			return;
	}
}

/* Send `mb` MB over a link of `link` MB/s: seconds that it took. */
static double send_over(struct pace *p, double mb, double link)
{
	double total = 0;

	for (double sent = 0; sent < mb; sent += CHUNK / 1e6) {
		double speed, ratio, made, link_time;

		model(pace_level(p), &speed, &ratio);
		made = CHUNK / speed;
		link_time = CHUNK / ratio / link;
		/* The queue hides what is made while the link is busy. */
		pace_add(p, (uint64_t)made,
			 link_time > made ? (uint64_t)(link_time - made) : 0);
		total += link_time > made ? link_time : made;
	}
	return total / 1e6;
}

static void a_slow_link_gets_the_best(void **state)
{
	struct pace p;

	(void)state;
	pace_init(&p, 0);
	send_over(&p, 50, 5);
	assert_true(pace_level(&p) == 7);
	assert_true(pace_is_behind(&p));
}

static void a_fast_link_is_never_held_up(void **state)
{
	static const double links[] = {2, 12, 60, 110, 300, 500, 1000, 4000};

	(void)state;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		const double plain = 400 / links[i];
		struct pace p;

		pace_init(&p, 0);
		/* But for the moment that it takes to find out. */
		assert_true(send_over(&p, 400, links[i]) < plain * 1.05 + 0.3);
	}
}

static void the_fastest_link_gets_them_as_they_are(void **state)
{
	struct pace p;

	(void)state;
	pace_init(&p, 0);
	send_over(&p, 1000, 4000);
	assert_true(pace_level(&p) == -100);
	assert_false(pace_is_behind(&p));
}

static void it_does_not_swing(void **state)
{
	static const double links[] = {2, 12, 60, 110, 300, 500, 1000, 4000};

	(void)state;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		unsigned changes = 0;
		struct pace p;
		int before;

		pace_init(&p, 0);
		send_over(&p, 500, links[i]);
		before = pace_level(&p);
		for (double mb = 0; mb < 2000; mb += 1) {
			send_over(&p, 1, links[i]);
			changes += pace_level(&p) != before;
			before = pace_level(&p);
		}
		/* 2 GB take seconds to minutes. */
		assert_true(changes <= 2 + 2 * 2000 / links[i]);
	}
}

static void it_follows_a_link_that_changes(void **state)
{
	struct pace p;

	(void)state;
	pace_init(&p, 0);
	send_over(&p, 1000, 4000);
	assert_true(pace_level(&p) < 1);
	send_over(&p, 300, 5);
	assert_true(pace_level(&p) == 7);
	send_over(&p, 1000, 4000);
	assert_true(pace_level(&p) < 1);
}

static void a_fixed_level_stays(void **state)
{
	struct pace p;

	(void)state;
	pace_init(&p, 19);
	send_over(&p, 100, 4000);
	assert_int_equal(pace_level(&p), 19);
	assert_false(pace_is_behind(&p));
	send_over(&p, 50, 5);
	assert_int_equal(pace_level(&p), 19);
	assert_true(pace_is_behind(&p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slow_link_gets_the_best),
		cmocka_unit_test(a_fast_link_is_never_held_up),
		cmocka_unit_test(the_fastest_link_gets_them_as_they_are),
		cmocka_unit_test(it_does_not_swing),
		cmocka_unit_test(it_follows_a_link_that_changes),
		cmocka_unit_test(a_fixed_level_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
