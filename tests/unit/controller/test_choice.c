/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which kernels are meant, and what a board says of those of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "controller/kernels/choice.h"
#include "controller/kernels/foreign.h"
#include "proto/reason.h"

static struct choice_one all[] = {
	{.slot = "k-00000001", .release = "6.1.0"},
	{.slot = "k-00000002", .release = "6.1.0-next"},
	{.slot = "k-00000003", .release = "6.1.0-next"},
	{.slot = "k-00000004", .release = "6.2.0", .stays = "it runs"},
	{.release = "6.1.0-distro"},
	{.release = "6.1.0-running", .stays = "it runs"},
};

/* Chosen ones as "0", "4": their places in `all`. */
static const char *take(const char *name, bool regex, bool foreign, int reason)
{
	static char chosen[16];
	struct choice c = {
		.v = all, .n = ARRAY_SIZE(all), .regex = regex, .foreign = foreign};
	struct kf_error err = {0};
	size_t n = 0;
	int r;

	for (size_t i = 0; i < c.n; i++)
		all[i].chosen = false;
	r = choice_take(&c, name, &err);
	if ((reason == 0) != (r == 0) || err.reason != reason)
		fail_msg("%s: %d, reason %d: %s", name, r, err.reason, err.msg);
	for (size_t i = 0; i < c.n; i++) {
		if (all[i].chosen)
			chosen[n++] = (char)('0' + i);
	}
	chosen[n] = '\0';
	return chosen;
}

static void names_are_exact(void **state)
{
	(void)state;
	assert_string_equal(take("6.1.0", false, true, 0), "0");
	assert_string_equal(take("k-00000003", false, false, 0), "2");
	assert_string_equal(take("6.1.0-distro", false, true, 0), "4");
	take("6.1", false, true, KF_REASON_NOT_FOUND);
	take("6.1.0-", false, true, KF_REASON_NOT_FOUND);
	take("6.1.0-next", false, true, KF_REASON_USAGE);
	take("", false, true, KF_REASON_USAGE);
}

static void the_boards_own_want_force(void **state)
{
	(void)state;
	take("6.1.0-distro", false, false, KF_REASON_INVALID);
	assert_string_equal(take("6.1.0*", false, false, 0), "012");
	assert_string_equal(take("6.1.0*", false, true, 0), "0124");
}

static void what_runs_stays(void **state)
{
	(void)state;
	take("6.2.0", false, true, KF_REASON_INVALID);
	take("6.1.0-running", false, true, KF_REASON_INVALID);
	assert_string_equal(take("*", false, true, 0), "0124");
}

static void patterns_fit_the_whole_name(void **state)
{
	(void)state;
	assert_string_equal(take("6.1.?", false, true, 0), "0");
	assert_string_equal(take("k-0000000[12]", false, false, 0), "01");
	assert_string_equal(take("6\\.1\\.0(-next)?", true, true, 0), "012");
	assert_string_equal(take("a|6.1.0", true, true, 0), "0");
	take("6.1", true, true, KF_REASON_NOT_FOUND);
	take("6.1[", true, true, KF_REASON_USAGE);
	take("x*", false, true, KF_REASON_NOT_FOUND);
}

static void all_is_what_may_go(void **state)
{
	struct choice c = {.v = all, .n = ARRAY_SIZE(all)};

	(void)state;
	for (size_t i = 0; i < c.n; i++)
		all[i].chosen = false;
	choice_take_all(&c);
	assert_true(all[0].chosen && all[1].chosen && all[2].chosen);
	assert_false(all[3].chosen || all[4].chosen || all[5].chosen);
	assert_int_equal(c.passed_own, 2);
	assert_int_equal(c.passed_stays, 1);
}

static void what_a_board_says(void **state)
{
	static const char text[] = "kernel 6.0.0 10 900 too-early\n"
				   "now 1000\n"
				   "slot k-00000001 400\n"
				   "slot nonsense 400\n"
				   "slot k-00000002 2000\n"
				   "kernel 6.1.0 10 900 linux-image-6.1.0\n"
				   "kernel 6.1.0 99 900 twice\n"
				   "kernel ../../etc 10 900\n"
				   "kernel 6.2.0 x 900\n"
				   "kernel 6.3.0 10 2000\n"
				   "kernel 6.4.0 10 900 \x1b[31m\n"
				   "kernel\n\nkernel 6.5.0 3 900 last";
	struct foreign *f = calloc(1, sizeof(*f));

	(void)state;
	foreign_parse(text, sizeof(text) - 1, f);
	assert_int_equal(f->n, 5);
	assert_string_equal(f->one[0].release, "6.0.0");
	assert_int_equal(f->one[0].age_s, -1);
	assert_string_equal(f->one[1].release, "6.1.0");
	assert_string_equal(f->one[1].package, "linux-image-6.1.0");
	assert_int_equal(f->one[1].bytes, 10240);
	assert_int_equal(f->one[1].age_s, 100);
	assert_int_equal(f->one[2].age_s, -1);
	assert_string_equal(f->one[3].package, "");
	assert_string_equal(f->one[4].package, "last");
	assert_int_equal(foreign_slot_age(f, "k-00000001"), 600);
	assert_int_equal(foreign_slot_age(f, "k-00000002"), -1);
	assert_int_equal(foreign_slot_age(f, "k-00000003"), -1);
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_exact),
		cmocka_unit_test(the_boards_own_want_force),
		cmocka_unit_test(what_runs_stays),
		cmocka_unit_test(patterns_fit_the_whole_name),
		cmocka_unit_test(all_is_what_may_go),
		cmocka_unit_test(what_a_board_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
