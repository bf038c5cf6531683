// SPDX-License-Identifier: GPL-2.0-or-later
/* Files are changed by the fewest lines, and what is written is what is read. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "controller/config/config.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

static char top[64], user[96], profiles[96];

static void put(const char *text)
{
	assert_int_equal(fs_replace(AT_FDCWD, user, text, strlen(text), 0600), 0);
}

static void assert_file(const char *text)
{
	_buf_ struct buf b = BUF_INIT;

	assert_int_equal(fs_read_file(AT_FDCWD, user, 65536, &b), 0);
	assert_string_equal(buf_str(&b), text);
}

static int setup(void **state)
{
	(void)state;
	snprintf(top, sizeof(top), "/tmp/kf-config-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(user, sizeof(user), "%s/a/user.ini", top);
	snprintf(profiles, sizeof(profiles), "%s/boards", top);
	assert_int_equal(mkdir(profiles, 0755), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return fs_remove_tree(AT_FDCWD, top);
}

static struct config *load(void)
{
	struct config_paths paths = {user, "", profiles};
	struct kf_error err = {0};
	struct config *c = NULL;

	assert_int_equal(config_load(&paths, &c, &err), 0);
	return c;
}

static void write_ok(struct config *c, const char *board, const char *key,
		     const char *value)
{
	struct kf_error err = {0};
	int rc = config_write(c, CONFIG_USER, board, key, value, &err);

	if (rc < 0)
		print_message("%s\n", err.msg);
	assert_int_equal(rc, 0);
}

static void a_new_file_is_made(void **state)
{
	struct config *c = load();

	(void)state;
	write_ok(c, NULL, "deploy.keep", "4");
	write_ok(c, "rpi", "board.host", "rpi.lan");
	write_ok(c, "rpi", "deploy.keep", "9");
	assert_file(
		"[deploy]\nkeep = 4\n\n[board rpi]\nhost = rpi.lan\ndeploy.keep = 9\n");
	assert_string_equal(config_get(c, NULL, "deploy.keep"), "4");
	assert_string_equal(config_get(c, "rpi", "deploy.keep"), "9");
	assert_true(config_has_board(c, "rpi"));
	config_free(c);
}

static void comments_and_order_stay(void **state)
{
	struct config *c;
	struct stat st;
	const char *old;

	(void)state;
	assert_int_equal(fs_mkdirs_parent(AT_FDCWD, user), 0);
	put("# mine\n[build]\n; why\narch = arm64\nextra = W=1\n\tC=1\n# tail\n\n"
	    "[deploy]\nkeep: 3\n");
	c = load();
	old = config_get(c, NULL, "build.arch");
	write_ok(c, NULL, "build.arch", "riscv");
	assert_string_equal(old, "arm64"); /* what was handed out lives on */
	write_ok(c, NULL, "build.extra", NULL);
	write_ok(c, NULL, "build.llvm", "1");
	write_ok(c, NULL, "deploy.keep", "5");
	assert_file("# mine\n[build]\n; why\narch = riscv\nllvm = 1\n# tail\n\n"
		    "[deploy]\nkeep = 5\n");
	assert_null(config_get(c, NULL, "build.extra"));
	assert_int_equal(stat(user, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	config_free(c);
}

static void long_values_are_broken_and_read_back(void **state)
{
	struct config *c = load();
	char value[600];

	(void)state;
	for (size_t i = 0; i < 590; i++)
		value[i] = i % 10 == 9 ? ' ' : 'x';
	value[589] = '\0';
	write_ok(c, NULL, "boot.cmdline_extra", value);
	assert_string_equal(config_get(c, NULL, "boot.cmdline_extra"), value);
	config_free(c);
	c = load();
	assert_string_equal(config_get(c, NULL, "boot.cmdline_extra"), value);
	write_ok(c, NULL, "health.checks", "one two\nthree");
	assert_string_equal(config_get(c, NULL, "health.checks"), "one two\nthree");
	config_free(c);
}

static void what_cannot_be_written_is_refused(void **state)
{
	static const char *const values[] = {"a ; b", " a", "a ",
					     "a\x01"
					     "b"};
	struct config *c = load();
	struct kf_error err = {0};
	char word[400];

	(void)state;
	write_ok(c, NULL, "deploy.keep", "4");
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		assert_true(config_write(c, CONFIG_USER, NULL, "build.arch", values[i],
					 &err) < 0);
	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	assert_true(config_write(c, CONFIG_USER, NULL, "build.arch", word, &err) < 0);
	assert_true(config_write(c, CONFIG_USER, NULL, "board.host", "x", &err) < 0);
	assert_non_null(strstr(err.msg, "belongs to a board"));
	assert_true(config_write(c, CONFIG_USER, "a/b", "board.host", "x", &err) < 0);
	assert_true(config_write(c, CONFIG_TREE, NULL, "deploy.keep", "1", &err) < 0);
	assert_non_null(strstr(err.msg, "not in a kernel tree"));
	assert_file("[deploy]\nkeep = 4\n");
	config_free(c);
}

static void boards_are_removed_and_renamed(void **state)
{
	struct config *c;
	struct kf_error err = {0};

	(void)state;
	assert_int_equal(fs_mkdirs_parent(AT_FDCWD, user), 0);
	put("[board a]\nhost = 1\n\n# of b\n[board b]\nhost = 2\nport = 3\n\n"
	    "[board]\ndefault = b\n");
	c = load();
	assert_int_equal(config_rename_board(c, "b", "a", &err), -EEXIST);
	assert_int_equal(config_rename_board(c, "b", "-x", &err), -EINVAL);
	assert_int_equal(config_rename_board(c, "nosuch", "x", &err), -ENOENT);
	assert_int_equal(config_rename_board(c, "b", "c", &err), 0);
	assert_file("[board a]\nhost = 1\n\n# of b\n[board c]\nhost = 2\nport = 3\n\n"
		    "[board]\ndefault = c\n");
	assert_string_equal(config_default_board(c), "c");
	assert_string_equal(config_get(c, "c", "board.host"), "2");
	assert_int_equal(config_remove_board(c, "c", &err), 0);
	assert_false(config_has_board(c, "c"));
	assert_string_equal(config_default_board(c), "a");
	assert_file("[board a]\nhost = 1\n\n# of b\n");
	assert_int_equal(config_remove_board(c, "c", &err), -ENOENT);
	config_free(c);
}

static void an_empty_section_goes_with_its_last_key(void **state)
{
	struct kf_error err = {0};
	struct config *c;

	(void)state;
	assert_int_equal(fs_mkdirs_parent(AT_FDCWD, user), 0);
	put("[board]\ndefault = a\n\n[run]\ndir = /x\n\n[board a]\nlink = ssh\n\n"
	    "[board b]\nlink = ssh\n");
	c = load();
	assert_int_equal(config_remove_board(c, "a", &err), 0);
	assert_file("[run]\ndir = /x\n\n[board b]\nlink = ssh\n");
	write_ok(c, NULL, "run.dir", NULL);
	assert_file("[board b]\nlink = ssh\n");
	config_free(c);

	put("[run]\n# where there is room\ndir = /x\n[deploy]\nkeep = 4\n# why\n");
	c = load();
	write_ok(c, NULL, "run.dir", NULL);
	write_ok(c, NULL, "deploy.keep", NULL);
	assert_file("[run]\n# where there is room\n[deploy]\n# why\n");
	config_free(c);
}

static void a_link_to_the_file_stays_one(void **state)
{
	struct config *c;
	char real[96];
	struct stat st;

	(void)state;
	assert_int_equal(fs_mkdirs_parent(AT_FDCWD, user), 0);
	snprintf(real, sizeof(real), "%s/real.ini", top);
	assert_int_equal(symlink(real, user), 0);
	assert_int_equal(fs_replace(AT_FDCWD, real, "[deploy]\n", 9, 0644), 0);
	c = load();
	write_ok(c, NULL, "deploy.keep", "4");
	assert_int_equal(lstat(user, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_file("[deploy]\nkeep = 4\n");
	config_free(c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_file_is_made),
		TEST(comments_and_order_stay),
		TEST(long_values_are_broken_and_read_back),
		TEST(what_cannot_be_written_is_refused),
		TEST(boards_are_removed_and_renamed),
		TEST(an_empty_section_goes_with_its_last_key),
		TEST(a_link_to_the_file_stays_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
