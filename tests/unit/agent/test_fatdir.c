/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of several FATs is taken, and when none is. */
#include "agent/boot/fatdir.h"

#include <sys/resource.h>

#include "tests/lib/board.h"

#define MOUNTS                                                                           \
	"/dev/sdy1 /gone vfat rw 0 0\n/dev/sdz1 /file vfat rw 0 0\n"                     \
	"/dev/sda1 /one vfat rw 0 0\n/dev/sdb1 /two vfat rw 0 0\n"

static void fat_board(struct board *b)
{
	board_init(b);
	put_text(b, "proc/mounts", MOUNTS);
	put_text(b, "file", "bound from a FAT");
	put_text(b, "one/first", "");
	put_text(b, "two/second", "");
}

static int is_second(int fd)
{
	return fatdir_has(fd, "second");
}

static int is_any(int fd)
{
	(void)fd;
	return 1;
}

/* The one that is looked for, on a card that does not answer. */
static int first_fails(int fd)
{
	return fatdir_has(fd, "first") == 1 ? -EIO : 1;
}

static void passes_over_what_is_no_directory(void **state)
{
	_fatdir_ struct fatdir d = {.fd = -1}, e = {.fd = -1};
	struct board b;

	(void)state;
	fat_board(&b);
	assert_int_equal(fatdir_find(&b.a, is_any, &d), 0);
	assert_string_equal(d.path, "/one");
	assert_int_equal(fatdir_find(&b.a, is_second, &e), 0);
	assert_string_equal(e.path, "/two");
	board_fini(&b);
}

static void takes_no_other_for_one_that_fails(void **state)
{
	_fatdir_ struct fatdir d = {.fd = -1};
	struct board b;

	(void)state;
	fat_board(&b);
	assert_int_equal(fatdir_find(&b.a, first_fails, &d), -EIO);
	assert_int_equal(d.fd, -1);
	b.a.conf.boot_dir = (char *)"/one";
	assert_int_equal(fatdir_find(&b.a, first_fails, &d), -EIO);
	assert_int_equal(fatdir_find(&b.a, is_second, &d), -ENOENT);
	board_fini(&b);
}

static void too_many_open_files_are_not_an_absent_fat(void **state)
{
	_fatdir_ struct fatdir d = {.fd = -1};
	struct rlimit was, now;
	struct board b;
	int next, r;

	(void)state;
	fat_board(&b);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	next = dup(b.fd);
	assert_true(next >= 0);
	close(next);
	/* Enough for /proc/mounts. */
	now = (struct rlimit){.rlim_cur = (rlim_t)next + 1, .rlim_max = was.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	r = fatdir_find(&b.a, is_any, &d);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(r, -EMFILE);
	board_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_over_what_is_no_directory),
		cmocka_unit_test(takes_no_other_for_one_that_fails),
		cmocka_unit_test(too_many_open_files_are_not_an_absent_fat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
