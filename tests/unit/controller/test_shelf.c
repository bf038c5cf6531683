// SPDX-License-Identifier: GPL-2.0-or-later
/* A shelf: what is placed is whole, what is removed is gone, the rest is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "controller/shelf.h"
#include "controller/strf.h"
#include "proto/base/fs.h"

static int setup(void **state)
{
	char top[] = "/tmp/kf-shelf-XXXXXX";

	*state = mkdtemp(top) ? strf("%s/sub/shelf", top) : NULL;
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	char *dir = *state, *top = strstr(dir, "/sub");
	int r;

	*top = '\0';
	r = fs_remove_tree(AT_FDCWD, dir);
	free(dir);
	return r;
}

static void put(const char *dir, const char *name, const char *text, bool replace,
		int want)
{
	_free_ char *tmp = NULL, *file = NULL;

	assert_int_equal(shelf_begin(dir, &tmp), 0);
	file = strf("%s/text", tmp);
	assert_int_equal(fs_replace(AT_FDCWD, file, text, strlen(text), 0644), 0);
	assert_int_equal(shelf_place(dir, tmp, name, replace), want);
	shelf_drop(tmp);
	assert_false(fs_exists(AT_FDCWD, tmp));
}

static void has(const char *dir, const char *name, const char *text)
{
	_free_ char *file = strf("%s/%s/text", dir, name), *is = NULL;

	assert_true(shelf_has(dir, name));
	assert_int_equal(fs_read_line(AT_FDCWD, file, &is), 0);
	assert_string_equal(is, text);
}

static void one_is_placed_replaced_and_removed(void **state)
{
	const char *dir = *state;
	struct shelf_names l;

	assert_int_equal(shelf_list(dir, &l), 0);
	assert_int_equal(l.n, 0);
	assert_false(shelf_has(dir, "a"));
	put(dir, "a", "one", false, 0);
	put(dir, "a", "two", false, -EEXIST);
	has(dir, "a", "one");
	put(dir, "a", "three", true, 0);
	has(dir, "a", "three");
	put(dir, "b", "four", true, 0);
	assert_int_equal(shelf_remove(dir, "a"), 0);
	assert_int_equal(shelf_remove(dir, "a"), -ENOENT);
	assert_false(shelf_has(dir, "a"));
	assert_int_equal(shelf_list(dir, &l), 0);
	assert_int_equal(l.n, 1);
	assert_string_equal(l.names[0], "b");
	shelf_names_fini(&l);
}

static void what_was_interrupted_is_told(void **state)
{
	const char *dir = *state;
	_free_ char *tmp = NULL;
	struct shelf_names l;

	assert_int_equal(shelf_begin(dir, &tmp), 0);
	put(dir, "a", "one", false, 0);
	assert_int_equal(shelf_list(dir, &l), 0);
	assert_int_equal(l.n, 2);
	assert_string_equal(l.names[1], "a");
	assert_non_null(strstr(shelf_odd_name(l.names[0]), "interrupted"));
	assert_null(shelf_odd_name("a"));
	assert_non_null(shelf_odd_name(".x"));
	assert_false(shelf_has(dir, l.names[0]));
	assert_false(shelf_has(dir, "../shelf"));
	shelf_names_fini(&l);
}

static void a_file_is_none_of_it(void **state)
{
	const char *dir = *state;
	_free_ char *file = strf("%s/a", dir);
	struct kf_error err;

	assert_int_equal(fs_mkdirs(AT_FDCWD, dir), 0);
	assert_int_equal(fs_replace(AT_FDCWD, file, "x", 1, 0644), 0);
	assert_false(shelf_has(dir, "a"));
	put(dir, "a", "one", false, -EEXIST);
	assert_int_equal(shelf_check_name("a", &err), 0);
	assert_int_equal(shelf_check_name("a/b", &err), -EINVAL);
}

static void a_full_one_is_cut(void **state)
{
	const char *dir = *state;
	struct shelf_names l;

	assert_int_equal(fs_mkdirs(AT_FDCWD, dir), 0);
	for (int i = 0; i <= SHELF_MAX; i++) {
		_free_ char *name = strf("%s/%d", dir, i);

		assert_int_equal(symlink("x", name), 0);
		if (i < SHELF_MAX - 1)
			continue;
		assert_int_equal(shelf_list(dir, &l), 0);
		assert_int_equal(l.n, SHELF_MAX);
		assert_int_equal(l.cut, i == SHELF_MAX);
		shelf_names_fini(&l);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_is_placed_replaced_and_removed),
		TEST(what_was_interrupted_is_told),
		TEST(a_file_is_none_of_it),
		TEST(a_full_one_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
