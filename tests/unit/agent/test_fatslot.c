/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pointer files on a FAT: what is written in place and what is replaced. */
#include "agent/boot/fatslot.h"

#include <sys/mount.h>

#include "tests/lib/board.h"
#include "tests/lib/mounted.h"

static ino_t inode(struct board *b, const char *rel)
{
	struct stat st;

	assert_int_equal(fstatat(b->fd, rel, &st, 0), 0);
	return st.st_ino;
}

static void writes_one_sector_in_place(void **state)
{
	struct fatdir fat = {.path = (char *)"/fat"};
	struct kf_error err = {0};
	char text[1025];
	struct board b;
	ino_t first;

	(void)state;
	board_init(&b);
	assert_int_equal(fs_mkdirs(b.fd, "fat"), 0);
	fat.fd = fs_open_dir(b.fd, "fat");
	memset(text, 'a', 1024);
	text[1024] = '\0';
	assert_int_equal(fatfile_write(&fat, "f", text, 1024, &err), 0);
	first = inode(&b, "fat/f");
	assert_int_equal(fatfile_write(&fat, "f", text, 1024, &err), 0);
	assert_int_equal(inode(&b, "fat/f"), first);
	memset(text + 512, 'b', 512);
	assert_int_equal(fatfile_write(&fat, "f", text, 1024, &err), 0);
	assert_int_equal(inode(&b, "fat/f"), first);
	assert_file(&b, "fat/f", text);
	/* Two sectors, or another size: never in place. */
	memset(text + 511, 'c', 2);
	assert_int_equal(fatfile_write(&fat, "f", text, 1024, &err), 0);
	assert_int_not_equal(inode(&b, "fat/f"), first);
	assert_file(&b, "fat/f", text);
	first = inode(&b, "fat/f");
	text[1000] = '\0';
	assert_int_equal(fatfile_write(&fat, "f", text, 1000, &err), 0);
	assert_int_not_equal(inode(&b, "fat/f"), first);
	assert_file(&b, "fat/f", text);
	assert_int_equal(fatfile_remove(&fat, "f", &err), 0);
	assert_int_equal(fatfile_remove(&fat, "f", &err), 0);
	close(fat.fd);
	board_fini(&b);
}

static void a_change_takes_the_entry_first(void **state)
{
	_fatslot_ struct fatslot f = {.dir = -1};
	struct fatdir fat = {.path = (char *)"/fat"};
	struct kf_error err = {0};
	struct board b;

	(void)state;
	board_init(&b);
	assert_int_equal(fs_mkdirs(b.fd, "fat"), 0);
	fat.fd = fs_open_dir(b.fd, "fat");
	assert_int_equal(fatslot_open(&fat, "k-../../x", "e", &f, &err), -EINVAL);
	assert_int_equal(fatslot_open(&fat, TEST_SLOT, "e", &f, &err), 0);
	assert_int_equal(fatslot_put_text(&f, "one", 3, "dir/x", &err), 0);
	assert_int_equal(fatslot_put_text(&f, "entry", 5, "e", &err), 0);
	assert_true(fatslot_has(&fat, TEST_SLOT, "dir/x"));
	assert_int_equal(fatslot_put_text(&f, "one", 3, "dir/x", &err), 0);
	assert_true(fatslot_has(&fat, TEST_SLOT, "e"));
	assert_int_equal(fatslot_put_fd(&f, -1, "absent", &err), 0);
	assert_true(fatslot_has(&fat, TEST_SLOT, "e"));
	assert_int_equal(fatslot_put_text(&f, "two", 3, "dir/x", &err), 0);
	assert_false(fatslot_has(&fat, TEST_SLOT, "e"));
	assert_false(fatslot_has(&fat, TEST_SLOT, "../../etc"));
	assert_int_equal(fatslot_remove(&fat, TEST_SLOT, "e", &err), 0);
	assert_false(fs_exists(b.fd, "fat/kferry"));
	close(fat.fd);
	board_fini(&b);
}

/* What a write that was cut off left, which nobody else would remove. */
static void removes_temporaries_of_its_own(void **state)
{
	_fatslot_ struct fatslot f = {.dir = -1};
	struct fatdir fat = {.path = (char *)"/fat"};
	struct kf_error err = {0};
	struct board b;

	(void)state;
	board_init(&b);
	put_text(&b, "fat/.kf-tmp-0123456789abcdef", "half a config.txt");
	put_text(&b, "fat/.kf-other", "somebody else's");
	put_text(&b, "fat/kferry/.kf-tmp-1", "half a flag");
	put_text(&b, "fat/kferry/" TEST_SLOT "/.kf-tmp-kernel8.img", "half a kernel");
	fat.fd = fs_open_dir(b.fd, "fat");
	assert_int_equal(fatslot_open(&fat, TEST_SLOT, "e", &f, &err), 0);
	assert_false(fs_exists(b.fd, "fat/.kf-tmp-0123456789abcdef"));
	assert_false(fs_exists(b.fd, "fat/kferry/.kf-tmp-1"));
	assert_false(fs_exists(b.fd, "fat/kferry/" TEST_SLOT "/.kf-tmp-kernel8.img"));
	put_text(&b, "fat/kferry/.kf-tmp-2", "half a flag");
	put_text(&b, "fat/kferry/ONCE~1", "a flag without its long name");
	put_text(&b, "fat/kferry/k-00000000/e", "another slot");
	assert_int_equal(fatslot_remove(&fat, TEST_SLOT, "e", &err), 0);
	assert_true(fs_exists(b.fd, "fat/kferry/ONCE~1"));
	assert_int_equal(fs_remove_tree(b.fd, "fat/kferry/k-00000000"), 0);
	assert_int_equal(fatslot_remove(&fat, TEST_SLOT, "e", &err), 0);
	assert_false(fs_exists(b.fd, "fat/kferry"));
	assert_true(fs_exists(b.fd, "fat/.kf-other"));
	close(fat.fd);
	board_fini(&b);
}

static void says_when_it_is_full(void **state)
{
	struct fatdir fat = {.path = (char *)"/fat"};
	_free_ char *full = NULL;
	struct kf_error err = {0};
	struct board b;

	(void)state;
	board_init(&b);
	assert_int_equal(fs_mkdirs(b.fd, "fat"), 0);
	assert_true(asprintf(&full, "%s/fat", b.path) > 0);
	if (!test_mount("none", full, "tmpfs", 0, "size=32k")) {
		board_fini(&b);
		skip();
	}
	fat.fd = fs_open_dir(b.fd, "fat");
	assert_int_equal(fatdir_check(&b.a, &fat, &err), -ENOSPC);
	assert_non_null(strstr(err.msg, "is full"));
	assert_int_equal(mount(NULL, full, NULL, MS_REMOUNT, "size=1m"), 0);
	assert_int_equal(fatdir_check(&b.a, &fat, &err), 0);
	fat.read_only = true;
	assert_int_equal(fatdir_check(&b.a, &fat, &err), -EROFS);
	close(fat.fd);
	assert_int_equal(umount(full), 0);
	board_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_one_sector_in_place),
		cmocka_unit_test(a_change_takes_the_entry_first),
		cmocka_unit_test(removes_temporaries_of_its_own),
		cmocka_unit_test(says_when_it_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
