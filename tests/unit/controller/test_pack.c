/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packing what changed gives the bytes that packing all does, after random edits of a
 * tree too; and does no more than it has to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>

#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "tests/lib/controller/packtree.h"

#define ROUNDS 12

static void test_nothing_changed_runs_nothing(void **state)
{
	struct packtree *p = *state;

	packtree_once(p);
	assert_int_equal(packtree_strips(p), 6);
	assert_true(packtree_made(p) > 0);
	packtree_settle(p);
	packtree_once(p);
	assert_int_equal(packtree_strips(p), 0);
	assert_int_equal(packtree_made(p), 0);
	packtree_compare(p);
}

static void test_one_changed_module_is_stripped_alone(void **state)
{
	struct packtree *p = *state;

	packtree_settle(p);
	packtree_put(p, 3, p->mods[0]);
	packtree_once(p);
	assert_int_equal(packtree_strips(p), 1);
	assert_int_equal(packtree_made(p), 0);
	packtree_compare(p);
}

static void change_module(struct packtree *p)
{
	packtree_put(p, rand_r(&p->seed) % VARIANTS,
		     p->mods[(size_t)rand_r(&p->seed) % p->n_mods]);
}

static void drop_module(struct packtree *p, bool built_in)
{
	size_t i = (size_t)rand_r(&p->seed) % p->n_mods;
	_free_ char *path = packtree_path(p, p->mods[i]);
	_free_ char *line = strf("kernel/fs/in.ko\nkernel/%s\n", p->mods[i]);

	if (p->n_mods < 3)
		return;
	unlink(path);
	if (built_in)
		packtree_write(p, "modules.builtin", line);
	free(p->mods[i]);
	p->mods[i] = p->mods[--p->n_mods];
}

static void rename_module(struct packtree *p, int round)
{
	size_t i = (size_t)rand_r(&p->seed) % p->n_mods;
	char *name = strf("drivers/r%d/mod-r%d.ko", round, round);
	_free_ char *from = packtree_path(p, p->mods[i]);
	_free_ char *to = packtree_path(p, name);

	assert_int_equal(fs_mkdirs_parent(AT_FDCWD, to), 0);
	assert_int_equal(rename(from, to), 0);
	free(p->mods[i]);
	p->mods[i] = name;
}

static void edit(struct packtree *p, int round)
{
	_free_ char *name = strf("fs/n%d.ko", round);

	switch (rand_r(&p->seed) % 8) {
	case 0:
		packtree_add(p, name, round % VARIANTS);
		break;
	case 1:
		drop_module(p, false);
		break;
	case 2:
		drop_module(p, true);
		break;
	case 3:
		rename_module(p, round);
		break;
	case 4:
		packtree_future(p);
		break;
	case 5:
		packtree_write(p, "System.map", name);
		break;
	default:
		change_module(p);
	}
}

static void test_random_edits(void **state)
{
	struct packtree *p = *state;

	packtree_compare(p);
	for (int round = 0; round < ROUNDS; round++) {
		for (unsigned n = 1 + (unsigned)rand_r(&p->seed) % 3; n > 0; n--)
			edit(p, round * 10 + (int)n);
		packtree_order(p, "", ".ko");
		packtree_compare(p);
	}
}

static void test_each_generation_of_lists(void **state)
{
	struct packtree *p = *state;

	packtree_order(p, "", ".o");
	packtree_compare(p);
	packtree_write(p, "old", "");
	packtree_order(p, "kernel/", ".ko");
	packtree_compare(p);
}

static void test_modules_that_are_not_stripped_are_the_trees_own(void **state)
{
	struct packtree *p = *state;
	const struct packtree_way kept = {p->keep, "yes", "no", "no"};
	_free_ char *path = strf("modules/" REL "/kernel/%s", p->mods[0]);
	_free_ char *source = packtree_path(p, p->mods[0]);
	struct kernel *k;

	packtree_once(p);
	packtree_strips(p);
	packtree_compare_ways(p, "no", "no");
	assert_int_equal(packtree_strips(p), 0);
	k = packtree_pack(p, &kept);
	assert_string_equal(k->source[manifest_find(&k->manifest, path)], source);
	kernel_free(k);
	packtree_compare(p);
}

static void test_what_the_makefile_does_more_is_left_to_it(void **state)
{
	struct packtree *p = *state;

	packtree_settle(p);
	packtree_write(p, "include/config/auto.conf", "CONFIG_MODULE_SIG_ALL=y\n");
	packtree_once(p);
	assert_int_equal(packtree_strips(p), 6);
	assert_true(packtree_made(p) > 0);
	packtree_write(p, "include/config/auto.conf", "");
	packtree_settle(p);
	packtree_write(p, "modules.order", "what is this\n");
	packtree_made(p);
	packtree_write(p, "scripts/Makefile.modinst", "cp x $(MODLIB)/modules.load\n");
	packtree_order(p, "", ".ko");
	packtree_once(p);
	assert_true(packtree_made(p) > 0);
}

static void test_another_strip_strips_all_again(void **state)
{
	struct packtree *p = *state;

	packtree_settle(p);
	packtree_strip(p, "version 2");
	packtree_once(p);
	assert_int_equal(packtree_strips(p), 6);
}

static void test_a_module_that_is_not_built(void **state)
{
	struct packtree *p = *state;
	const struct packtree_way kept = {p->keep, "yes", "yes", "no"};
	_free_ char *path = packtree_path(p, p->mods[2]);
	struct kf_error err = {0};
	struct kernel *k = NULL;

	packtree_settle(p);
	unlink(path);
	assert_int_equal(packtree_try(p, &kept, &k, &err), -ENOENT);
	assert_int_equal(err.reason, KF_REASON_BUILD);
	assert_non_null(strstr(err.msg, p->mods[2]));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, packtree_setup, packtree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_changed_runs_nothing),
		TEST(test_one_changed_module_is_stripped_alone),
		TEST(test_random_edits),
		TEST(test_each_generation_of_lists),
		TEST(test_modules_that_are_not_stripped_are_the_trees_own),
		TEST(test_what_the_makefile_does_more_is_left_to_it),
		TEST(test_another_strip_strips_all_again),
		TEST(test_a_module_that_is_not_built),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
