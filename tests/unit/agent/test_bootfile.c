/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small files and directories on a boot file system. */
#include "agent/boot/bootfile.h"

#include <unistd.h>

#include "tests/lib/board.h"

static void writes_and_replaces(void **state)
{
	struct board b;

	(void)state;
	board_init(&b);
	assert_int_equal(fs_mkdirs(b.fd, "boot"), 0);
	assert_int_equal(bootfile_write(b.fd, "boot/entry", "one", 3, 0600), 0);
	assert_file(&b, "boot/entry", "one");
	assert_int_equal(bootfile_write(b.fd, "boot/entry", "longer", 6, 0600), 0);
	assert_file(&b, "boot/entry", "longer");
	assert_int_equal(bootfile_write(b.fd, "no/entry", "x", 1, 0600), -ENOENT);
	board_fini(&b);
}

static void tells_what_is_there(void **state)
{
	struct board b;

	(void)state;
	board_init(&b);
	put_text(&b, "boot/linux", "MZ");
	put_text(&b, "boot/empty", "");
	assert_int_equal(symlinkat("linux", b.fd, "boot/link"), 0);
	assert_int_equal(mkfifoat(b.fd, "boot/fifo", 0600), 0);
	assert_true(bootfile_there(b.fd, "boot/linux"));
	assert_false(bootfile_there(b.fd, "boot/empty"));
	assert_false(bootfile_there(b.fd, "boot/link"));
	assert_false(bootfile_there(b.fd, "boot/fifo"));
	assert_false(bootfile_there(b.fd, "boot"));
	assert_false(bootfile_there(b.fd, "boot/gone"));
	board_fini(&b);
}

static void makes_directories(void **state)
{
	struct kf_error err = {0};
	struct board b;
	int fd;

	(void)state;
	board_init(&b);
	fd = bootfile_dir(b.fd, "/esp", "EFI/kferry/" TEST_SLOT, &err);
	assert_true(fd >= 0);
	close(fd);
	assert_true(fs_exists(b.fd, "EFI/kferry/" TEST_SLOT));
	fd = bootfile_dir(b.fd, "/esp", "EFI/kferry/" TEST_SLOT, &err);
	assert_true(fd >= 0);
	close(fd);
	put_text(&b, "file", "x");
	assert_int_equal(bootfile_dir(b.fd, "/esp", "file/" TEST_SLOT, &err), -ENOTDIR);
	assert_non_null(strstr(err.msg, "make /esp/file/" TEST_SLOT));
	board_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_and_replaces),
		cmocka_unit_test(tells_what_is_there),
		cmocka_unit_test(makes_directories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
