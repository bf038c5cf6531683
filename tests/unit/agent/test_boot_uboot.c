/* SPDX-License-Identifier: GPL-2.0-or-later */
/* U-Boot on a scratch board: plain files for the FAT and the root file system. */
#include "agent/boot/boot.h"
#include "agent/boot/uboot/bootcount.h"
#include "agent/boot/uboot/bootscr.h"
#include "proto/base/clock.h"
#include "proto/reason.h"
#include "tests/lib/board.h"
#include "tests/unit/agent/uboot_env.h"

#define FAT   "boot/efi/"
#define OURS  FAT "kferry/" TEST_SLOT "/"
#define IMAGE "0123456789012345678901234567890123456789012345678901234\nARM\x64 kernel"
#define MOUNTS                                                                           \
	"25 1 179:2 / / rw - ext4 /dev/mmcblk0p2 rw\n"                                   \
	"31 25 179:1 / /boot/efi rw - vfat /dev/mmcblk0p1 rw\n"
#define OWN                                                                              \
	"default l0\nlabel l0\n\tlinux /boot/vmlinuz-6.1.0-new\n"                        \
	"\tinitrd /boot/initrd.img-6.1.0-new\nlabel l1\n"                                \
	"\tlinux /boot/vmlinuz-6.1.0-old\n\tinitrd /boot/initrd.img-6.1.0-old\n"
#define ENTRY                                                                            \
	"default " TEST_SLOT "\ntimeout 0\nprompt 0\nlabel " TEST_SLOT "\n"              \
	"\tlinux /kferry/" TEST_SLOT "/image\n\tinitrd /kferry/" TEST_SLOT "/initrd\n"   \
	"\tfdtdir /kferry/" TEST_SLOT "/dtbs\n"                                          \
	"\tappend root=/dev/vda2 panic=10 kferry.slot=" TEST_SLOT "\n"

static const struct boot_chain *const c = &boot_uboot;

static void uboot_board(struct board *b)
{
	board_init(b);
	put_text(b, "proc/self/mountinfo", MOUNTS);
	put_text(b, "proc/device-tree/chosen/u-boot,version", "2023.01");
	put_text(b, "boot/extlinux/extlinux.conf", OWN);
	put_text(b, "boot/initrd.img-6.1.0-old", "old");
	put_text(b, "boot/initrd.img-6.1.0-new", "new");
	assert_int_equal(fs_mkdirs(b->fd, FAT), 0);
}

static void uboot_slot(struct board *b, struct slot *s)
{
	_buf_ struct buf sorted = BUF_INIT;
	struct kf_error err = {0};

	slot_make(b, s, IMAGE);
	slot_set_arch(s, "arm64");
	slot_add(b, s, "dtbs/allwinner/board.dtb", "dtb");
	assert_int_equal(manifest_emit(&s->manifest, &sorted, &err), 0);
}

static void probes(void **state)
{
	struct kf_error err = {0};
	char note[256] = "";
	uint64_t space = 0;
	struct board b;

	(void)state;
	uboot_board(&b);
	assert_int_equal(c->probe(&b.a, note, &err), 0);
	assert_string_equal(note, "U-Boot's boot.scr and a flag in /boot/efi");
	assert_int_equal(c->space(&b.a, &space, &err), 0);
	assert_true(space > 0);
	put_text(&b, FAT "boot.scr", "somebody's script");
	chain_refuses(c, &b, -ENOTSUP, "own way to boot");
	assert_int_equal(fs_remove_tree(b.fd, FAT "boot.scr"), 0);
	put_text(&b, FAT "boot.scr.uimg", "a script that U-Boot tries first");
	chain_refuses(c, &b, -ENOTSUP, "/boot/efi/boot.scr.uimg before the script");
	assert_int_equal(fs_remove_tree(b.fd, FAT "boot.scr.uimg"), 0);
	put_text(&b, FAT "extlinux/extlinux.conf", OWN);
	chain_refuses(c, &b, -ENOTSUP, "before the script");
	assert_int_equal(fs_mkdirs(b.fd, FAT "boot"), 0);
	assert_int_equal(renameat(b.fd, FAT "extlinux", b.fd, FAT "boot/extlinux"), 0);
	assert_int_equal(fs_remove_tree(b.fd, "boot/extlinux"), 0);
	assert_int_equal(c->probe(&b.a, note, &err), 0);
	assert_int_equal(fs_remove_tree(b.fd, FAT "boot"), 0);
	chain_refuses(c, &b, -ENOTSUP, "no extlinux.conf to fall back to");
	assert_int_equal(fs_mkdirs(b.fd, "sys/firmware/efi"), 0);
	chain_refuses(c, &b, -ENOTSUP, "UEFI");
	assert_int_equal(fs_remove_tree(b.fd, "sys/firmware/efi"), 0);
	put_text(&b, "proc/self/mountinfo",
		 "25 1 179:2 / / rw - ext4 /dev/mmcblk0p2 rw\n");
	chain_refuses(c, &b, -ENOENT, "no vfat");
	assert_int_equal(fs_remove_tree(b.fd, "proc/device-tree"), 0);
	chain_refuses(c, &b, -ENOTSUP, "no device tree");
	board_fini(&b);
}

static void refuses_fats_that_are_not_fit(void **state)
{
	struct board b;

	(void)state;
	uboot_board(&b);
	put_text(&b, "dev/kmsg",
		 "6,1,2,-;FAT-fs (mmcblk0p1): Volume was not properly unmounted.\n");
	chain_refuses(c, &b, -EUCLEAN, "fsck.vfat");
	put_text(&b, "proc/self/mountinfo",
		 "33 25 179:1 / /boot/efi ro - vfat /dev/mmcblk0p1 ro\n");
	chain_refuses(c, &b, -EROFS, "remount,rw /boot/efi");
	board_fini(&b);
}

static void an_empty_script_is_nobodys(void **state)
{
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	uboot_board(&b);
	uboot_slot(&b, &s);
	put_text(&b, FAT "boot.scr", "");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	assert_int_equal(c->read_back(&b.a, s.id, &err), 0);
	assert_int_equal(c->disarm(&b.a, &err), 0);
	put_text(&b, FAT "boot.scr", "");
	assert_int_equal(c->remove(&b.a, s.id, &err), 0);
	assert_false(fs_exists(b.fd, FAT "boot.scr"));
	slot_drop(&s);
	board_fini(&b);
}

static void stages_arms_and_disarms(void **state)
{
	_buf_ struct buf script = BUF_INIT, found = BUF_INIT;
	_close_ int initrd = -1;
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	uboot_board(&b);
	uboot_slot(&b, &s);
	initrd = initrd_of(&b, "the new initrd");
	assert_int_equal(c->arm(&b.a, s.id, &err), -ENOENT);
	assert_int_equal(c->stage(&b.a, &s, initrd, &err), 0);
	assert_file(&b, OURS "image", IMAGE);
	assert_file(&b, OURS "initrd", "the new initrd");
	assert_file(&b, OURS "dtbs/allwinner/board.dtb", "dtb");
	assert_file(&b, OURS "extlinux.conf", ENTRY);
	assert_int_equal(bootscr_make(&script), 0);
	assert_int_equal(fs_read_file(b.fd, FAT "boot.scr", 1 << 16, &found), 0);
	assert_int_equal(buf_len(&found), buf_len(&script));
	assert_memory_equal(buf_data(&found), buf_data(&script), buf_len(&script));
	assert_int_equal(c->read_back(&b.a, s.id, &err), -ENODATA);
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	assert_file(&b, FAT "kferry/once", TEST_SLOT);
	assert_file(&b, FAT "kferry/trial.conf", ENTRY);
	assert_int_equal(c->read_back(&b.a, s.id, &err), 0);
	assert_int_equal(c->read_back(&b.a, "k-00000000", &err), -ENODATA);
	/* The distribution's hook made the file that U-Boot would take first. */
	put_text(&b, FAT "extlinux/extlinux.conf", OWN);
	assert_int_equal(c->read_back(&b.a, s.id, &err), -ENOTSUP);
	assert_int_equal(fs_remove_tree(b.fd, FAT "extlinux"), 0);
	put_text(&b, FAT "boot.scr.uimg", "");
	assert_int_equal(c->read_back(&b.a, s.id, &err), -ENOTSUP);
	assert_int_equal(c->arm(&b.a, s.id, &err), -ENOTSUP);
	assert_int_equal(fs_remove_tree(b.fd, FAT "boot.scr.uimg"), 0);
	assert_int_equal(c->disarm(&b.a, &err), 0);
	assert_false(fs_exists(b.fd, FAT "kferry/once"));
	assert_int_equal(c->read_back(&b.a, s.id, &err), -ENODATA);
	/* It was used, whatever has become of the slot. */
	assert_int_equal(fs_remove_tree(b.fd, OURS "extlinux.conf"), 0);
	assert_int_equal(c->read_back(&b.a, s.id, &err), -ENODATA);
	/* What cannot be read does not say so. */
	assert_int_equal(fs_mkdirs(b.fd, FAT "kferry/once"), 0);
	assert_int_equal(c->read_back(&b.a, s.id, &err), -EISDIR);
	assert_int_equal(fs_remove_tree(b.fd, FAT "kferry/once"), 0);
	assert_int_equal(c->disarm(&b.a, &err), 0);
	assert_false(fs_exists(b.fd, FAT "kferry/good.conf"));
	assert_file(&b, "boot/extlinux/extlinux.conf", OWN);
	slot_drop(&s);
	board_fini(&b);
}

static void counts(struct board *b, bool on, const char *slot)
{
	struct kf_error err = {0};
	struct bootcount count;

	assert_int_equal(bootcount_read(&b->a, &count, &err), 0);
	assert_int_equal(count.counting, on);
	assert_string_equal(count.trial, slot);
}

/* Where U-Boot counts boots, the net is put up before the flag, and taken down. */
static void lets_u_boot_count(void **state)
{
	static const char vars[] = "altbootcmd=run bootcmd\0bootlimit=3\0";
	static const char bad[] = "bootlimit=3\0";
	struct kf_error err = {0};
	char note[256] = "";
	struct board b;
	struct slot s;

	(void)state;
	uboot_board(&b);
	uboot_slot(&b, &s);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	uboot_env_put(b.fd, b.path, bad, sizeof(bad));
	chain_refuses(c, &b, -ENOTSUP, "no altbootcmd");
	assert_int_equal(c->arm(&b.a, s.id, &err), -ENOTSUP);
	assert_false(fs_exists(b.fd, FAT "kferry/once"));
	uboot_env_put(b.fd, b.path, vars, sizeof(vars));
	assert_int_equal(c->probe(&b.a, note, &err), 0);
	assert_non_null(strstr(note, "its count of boots"));
	counts(&b, false, "");
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	counts(&b, true, s.id);
	assert_int_equal(c->read_back(&b.a, s.id, &err), 0);
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	/* Somebody set the environment back. */
	uboot_env_put(b.fd, b.path, vars, sizeof(vars));
	assert_int_equal(c->read_back(&b.a, s.id, &err), -ENODATA);
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	assert_int_equal(c->disarm(&b.a, &err), 0);
	counts(&b, false, "");
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	assert_int_equal(c->up(&b.a, &err), 0);
	counts(&b, false, "");
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	assert_int_equal(c->remove(&b.a, s.id, &err), 0);
	counts(&b, false, "");
	slot_drop(&s);
	board_fini(&b);
}

/* fw_printenv waits at a pipe that nobody opens: once, and not for long. */
static void a_probe_waits_for_the_environment_once(void **state)
{
	static const char vars[] = "altbootcmd=run bootcmd\0bootlimit=3\0";
	struct kf_error err = {0};
	char note[256] = "";
	struct board b;
	int64_t start;

	(void)state;
	uboot_board(&b);
	uboot_env_put(b.fd, b.path, vars, sizeof(vars));
	assert_int_equal(unlinkat(b.fd, "env1", 0), 0);
	assert_int_equal(mkfifoat(b.fd, "env1", 0600), 0);
	start = clock_now_ms();
	assert_int_equal(c->probe(&b.a, note, &err), 0);
	assert_string_equal(note, "U-Boot's boot.scr and a flag in /boot/efi");
	assert_in_range(clock_now_ms() - start, 0, 9000);
	board_fini(&b);
}

static void refuses_bad_slots(void **state)
{
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	uboot_board(&b);
	slot_make(&b, &s, "\x1f\x8b a packed kernel");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), -EINVAL);
	assert_int_equal(err.reason, KF_REASON_ARCH);
	slot_set_arch(&s, "arm64");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), -ENOEXEC);
	assert_false(fs_exists(b.fd, FAT "kferry"));
	slot_drop(&s);
	uboot_slot(&b, &s);
	free(s.conf.cmdline);
	s.conf.cmdline = strdup("root=${bootdev}");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), -EINVAL);
	assert_false(fs_exists(b.fd, OURS "extlinux.conf"));
	assert_false(fs_exists(b.fd, FAT "boot.scr"));
	slot_drop(&s);
	board_fini(&b);
}

static void commits_goes_back_and_removes(void **state)
{
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	uboot_board(&b);
	uboot_slot(&b, &s);
	assert_int_equal(c->commit(&b.a, s.id, &err), -ENOENT);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	assert_int_equal(c->commit(&b.a, s.id, &err), 0);
	assert_true(fs_exists(b.fd, FAT "kferry/good.conf"));
	assert_int_equal(c->commit(&b.a, FOREIGN, &err), 0);
	assert_false(fs_exists(b.fd, FAT "kferry/good.conf"));
	assert_int_equal(c->commit(&b.a, FOREIGN, &err), 0);
	assert_int_equal(c->commit(&b.a, s.id, &err), 0);
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	assert_int_equal(c->remove(&b.a, "k-00000000", &err), 0);
	assert_true(fs_exists(b.fd, FAT "boot.scr"));
	assert_true(fs_exists(b.fd, FAT "kferry/good.conf"));
	assert_int_equal(c->remove(&b.a, s.id, &err), 0);
	assert_false(fs_exists(b.fd, FAT "kferry"));
	assert_false(fs_exists(b.fd, FAT "boot.scr"));
	assert_file(&b, "boot/extlinux/extlinux.conf", OWN);
	assert_int_equal(c->remove(&b.a, s.id, &err), 0);
	assert_int_equal(c->remove(&b.a, "../../etc", &err), -EINVAL);
	slot_drop(&s);
	board_fini(&b);
}

static void finds_the_running_initrd(void **state)
{
	struct board b;

	(void)state;
	uboot_board(&b);
	chain_initrd_is(c, &b, "/boot/initrd.img-6.1.0-old");
	snprintf(b.a.boot.release, sizeof(b.a.boot.release), "6.1.0-other");
	chain_initrd_is(c, &b, "/boot/initrd.img-6.1.0-new");
	/* A separate /boot: paths begin there. */
	put_text(&b, "boot/extlinux/extlinux.conf", "label a\ninitrd /initrd.img-x\n");
	chain_initrd_is(c, &b, NULL);
	put_text(&b, "boot/initrd.img-x", "x");
	chain_initrd_is(c, &b, "/boot/initrd.img-x");
	put_text(&b, "boot/extlinux/extlinux.conf", "label a\ninitrd ../etc/shadow\n");
	chain_initrd_is(c, &b, NULL);
	snprintf(b.a.boot.slot, sizeof(b.a.boot.slot), TEST_SLOT);
	chain_initrd_is(c, &b, NULL);
	put_text(&b, OURS "initrd", "x");
	chain_initrd_is(c, &b, "/boot/efi/kferry/" TEST_SLOT "/initrd");
	board_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probes),
		cmocka_unit_test(refuses_fats_that_are_not_fit),
		cmocka_unit_test(an_empty_script_is_nobodys),
		cmocka_unit_test(stages_arms_and_disarms),
		cmocka_unit_test(lets_u_boot_count),
		cmocka_unit_test(a_probe_waits_for_the_environment_once),
		cmocka_unit_test(refuses_bad_slots),
		cmocka_unit_test(commits_goes_back_and_removes),
		cmocka_unit_test(finds_the_running_initrd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
