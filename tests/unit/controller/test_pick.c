/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Boards by name, by list, all of them, by label; and what cannot be meant. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/fleet/pick.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

static const char text[] = "[board rpi4]\nhost = a\nlabels = rack=3 owner=lab quick\n"
			   "[board deck]\nhost = b\nlabels = rack=4 owner=lab\n"
			   "[board pc]\nhost = c\nlabels = rack=3\n"
			   "[board bare]\nhost = d\n";

struct scene {
	char top[64];
	struct config *cfg;
};

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct config_paths paths = {.tree_dir = "", .profile_dir = "boards"};
	char user[96];

	snprintf(s->top, sizeof(s->top), "/tmp/kf-pick-XXXXXX");
	assert_non_null(mkdtemp(s->top));
	snprintf(user, sizeof(user), "%s/user.ini", s->top);
	assert_int_equal(fs_replace(AT_FDCWD, user, text, strlen(text), 0644), 0);
	paths.user_file = user;
	assert_int_equal(config_load(&paths, &s->cfg, NULL), 0);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	config_free(s->cfg);
	assert_int_equal(fs_remove_tree(AT_FDCWD, s->top), 0);
	free(s);
	return 0;
}

/* What `lists` and `labels` (each ends with NULL) choose, as one text; or the error's. */
static void assert_picks(struct scene *s, const char *const lists[],
			 const char *const labels[], const char *expected)
{
	_pick_ struct pick p = {0};
	struct kf_error err = {0};
	char got[256] = "";

	for (; *lists; lists++)
		assert_int_equal(pick_add(&p, *lists), 0);
	for (; *labels; labels++)
		assert_int_equal(pick_add_label(&p, *labels), 0);
	if (pick_boards(&p, s->cfg, &err) < 0) {
		assert_int_equal(err.reason, KF_REASON_USAGE);
		assert_non_null(strstr(err.msg, expected));
		return;
	}
	for (size_t i = 0; i < p.n; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s",
			 i ? " " : "", p.names[i]);
	assert_string_equal(got, expected);
}

#define L(...)                                                                           \
	(const char *const[])                                                            \
	{                                                                                \
		__VA_ARGS__ __VA_OPT__(, ) NULL                                          \
	}

static void names_and_lists(void **state)
{
	assert_picks(*state, L("pc"), L(), "pc");
	assert_picks(*state, L("pc,rpi4", "deck"), L(), "pc rpi4 deck");
	assert_picks(*state, L("all"), L(), "rpi4 deck pc bare");
}

static void each_board_comes_once(void **state)
{
	assert_picks(*state, L("pc,pc", "pc"), L(), "pc");
	assert_picks(*state, L("bare", "all"), L(), "bare rpi4 deck pc");
}

static void labels_are_joined_by_and(void **state)
{
	assert_picks(*state, L(), L("rack=3"), "rpi4 pc");
	assert_picks(*state, L(), L("rack=3", "owner=lab"), "rpi4");
	assert_picks(*state, L("deck,pc"), L("rack=3"), "pc");
	assert_picks(*state, L(), L("owner"), "rpi4 deck");
	assert_picks(*state, L(), L("quick"), "rpi4");
}

static void what_is_unknown_is_named_with_the_nearest(void **state)
{
	assert_picks(*state, L("rpi5"), L(), "the nearest is rpi4");
	assert_picks(*state, L("pc,"), L(), "there is no board \"\"");
	assert_picks(*state, L(), L("rack=5"), "the nearest is rack=");
	assert_picks(*state, L(), L("rack=4", "quick"), "no board has all of these");
	assert_picks(*state, L("bare"), L("rack=3"), "of those named");
	assert_picks(*state, L(), L(), "which board?");
}

static void the_profile_is_a_label(void **state)
{
	struct scene *s = *state;

	assert_int_equal(config_override(s->cfg, "board.profile", "x86-64", NULL), 0);
	assert_picks(s, L(), L("profile=x86-64"), "rpi4 deck pc bare");
	assert_picks(s, L(), L("profile=x86-65"), "no board has the label");
}

static void by_name_is_neither_all_nor_a_label(void **state)
{
	_pick_ struct pick p = {0}, labels = {0};

	(void)state;
	assert_int_equal(pick_add(&p, "deck,pc"), 0);
	assert_int_equal(pick_add(&p, "all"), 0);
	assert_int_equal(pick_add_label(&labels, "rack=3"), 0);
	assert_true(pick_is_named(&p, "deck"));
	assert_true(pick_is_named(&p, "pc"));
	assert_false(pick_is_named(&p, "p"));
	assert_false(pick_is_named(&p, "rpi4"));
	assert_false(pick_is_named(&labels, "pc"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_and_lists, setup, teardown),
		cmocka_unit_test_setup_teardown(each_board_comes_once, setup, teardown),
		cmocka_unit_test_setup_teardown(labels_are_joined_by_and, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_is_unknown_is_named_with_the_nearest,
						setup, teardown),
		cmocka_unit_test_setup_teardown(the_profile_is_a_label, setup, teardown),
		cmocka_unit_test(by_name_is_neither_all_nor_a_label),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
