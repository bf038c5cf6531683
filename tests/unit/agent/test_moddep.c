/* SPDX-License-Identifier: GPL-2.0-or-later */
/* modules.dep: names, built-in ones, and what depends on what. */
#include "agent/initramfs/moddep.h"
#include "tests/lib/board.h"

static const char dep[] =
	"kernel/fs/ext4/ext4.ko.zst: kernel/lib/crc16.ko.zst kernel/fs/jbd2/jbd2.ko.zst\n"
	"kernel/fs/jbd2/jbd2.ko.zst: kernel/lib/crc-itu-t.ko.zst\n"
	"kernel/lib/crc16.ko.zst:\n"
	"kernel/lib/crc-itu-t.ko.zst:\n"
	"kernel/loop/a.ko: kernel/loop/b.ko\n"
	"kernel/loop/b.ko: kernel/loop/a.ko kernel/gone/c.ko\n"
	"kernel/drivers/block/virtio_blk.ko:\n";

static char *selected(const struct moddep *m)
{
	struct buf b = BUF_INIT;
	const char *path;
	size_t i = 0;

	while ((path = moddep_next(m, &i)))
		assert_int_equal(buf_printf(&b, "%s ", path), 0);
	assert_non_null(buf_str(&b));
	return (char *)b.data;
}

static void selects_with_dependencies(void **state)
{
	_free_ char *one = NULL, *all = NULL;
	struct moddep *m = NULL;
	struct board b;

	(void)state;
	board_init(&b);
	put_text(&b, "modules.dep", dep);
	put_text(&b, "modules.builtin", "kernel/drivers/virtio/virtio-pci.ko\n");
	assert_int_equal(moddep_load(b.fd, &m), 0);
	assert_int_equal(moddep_select(m, "jbd2"), MODDEP_SELECTED);
	one = selected(m);
	assert_string_equal(one,
			    "kernel/fs/jbd2/jbd2.ko.zst kernel/lib/crc-itu-t.ko.zst ");
	assert_int_equal(moddep_select(m, "jbd2"), MODDEP_SELECTED);
	assert_int_equal(moddep_select(m, "ext4"), MODDEP_SELECTED);
	assert_int_equal(moddep_select(m, "virtio-blk"), MODDEP_SELECTED);
	assert_int_equal(moddep_select(m, "a"), MODDEP_SELECTED);
	assert_int_equal(moddep_select(m, "virtio_pci"), MODDEP_BUILTIN);
	assert_int_equal(moddep_select(m, "c"), MODDEP_MISSING);
	all = selected(m);
	assert_string_equal(all, "kernel/drivers/block/virtio_blk.ko "
				 "kernel/fs/ext4/ext4.ko.zst kernel/fs/jbd2/jbd2.ko.zst "
				 "kernel/lib/crc-itu-t.ko.zst kernel/lib/crc16.ko.zst "
				 "kernel/loop/a.ko kernel/loop/b.ko ");
	moddep_free(m);
	board_fini(&b);
}

static void refuses_what_is_not_valid(void **state)
{
	static const char *const bad[] = {"kernel/a.ko\n", "../a.ko:\n", "/lib/a.ko:\n",
					  "kernel/a.txt:\n", "kernel//a.ko:\n"};
	struct moddep *m = NULL;
	struct board b;

	(void)state;
	board_init(&b);
	assert_int_equal(moddep_load(b.fd, &m), -ENOENT);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		put_text(&b, "modules.dep", bad[i]);
		assert_int_equal(moddep_load(b.fd, &m), -EBADMSG);
	}
	assert_null(m);
	/* A kernel without modules has an empty one. */
	put_text(&b, "modules.dep", "");
	assert_int_equal(moddep_load(b.fd, &m), 0);
	assert_int_equal(moddep_select(m, "ext4"), MODDEP_MISSING);
	moddep_free(m);
	board_fini(&b);
}

static void names(void **state)
{
	char name[MODDEP_NAME], longer[MODDEP_NAME + 8];

	(void)state;
	assert_true(moddep_name("a/b/snd-hda-intel.ko.xz", name));
	assert_string_equal(name, "snd_hda_intel");
	assert_true(moddep_name("x.ko", name));
	assert_true(moddep_name("x.ko.gz", name));
	assert_false(moddep_name("x.ko.", name));
	assert_false(moddep_name(".ko", name));
	assert_false(moddep_name("a/.ko.zst", name));
	assert_false(moddep_name("modules.dep", name));
	memset(longer, 'x', sizeof(longer));
	memcpy(longer + MODDEP_NAME - 1, ".ko", 4);
	assert_true(moddep_name(longer, name));
	memcpy(longer + MODDEP_NAME, ".ko", 4);
	memset(longer, 'x', MODDEP_NAME);
	assert_false(moddep_name(longer, name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(selects_with_dependencies),
		cmocka_unit_test(refuses_what_is_not_valid),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
