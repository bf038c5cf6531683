/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GRUB on a scratch board: made-up mounts, block devices and EFI variables. */
#include "agent/boot/boot.h"
#include "agent/boot/efi/efivar.h"
#include "agent/boot/grub/grubenv.h"
#include "proto/reason.h"
#include "tests/lib/board.h"

#define GRUB	  "boot/grub/"
#define OURS	  GRUB "kferry/"
#define SLOT	  OURS TEST_SLOT
#define ENV	  OURS "env"
#define MINE	  "menuentry 'Mine' {\n\ttrue\n}\n"
#define ROOT_ONLY "25 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw\n"

static const struct boot_chain *const c = &boot_grub;

static const char grub_cfg[] =
	"if [ \"${next_entry}\" ] ; then\n   set default=\"${next_entry}\"\nfi\n"
	"menuentry 'Debian' {\n"
	"\tlinux\t/boot/vmlinuz-6.1.0-old root=UUID=1 ro\n"
	"\tinitrd\t/boot/initrd.img-6.1.0-old\n"
	"}\n"
	"source ${config_directory}/custom.cfg\n";

static void grub_board(struct board *b)
{
	board_init(b);
	b->a.boot.cmdline =
		strdup("BOOT_IMAGE=(hd0,gpt2)/boot/vmlinuz-6.1.0-old root=UUID=1 ro");
	put_text(b, "proc/self/mountinfo", ROOT_ONLY);
	put_text(b, "sys/dev/block/8:2/partition", "2\n");
	put_text(b, GRUB "grub.cfg", grub_cfg);
	put_text(b, "boot/initrd.img-6.1.0-old", "old initrd");
}

static void grub_board_fini(struct board *b)
{
	free(b->a.boot.cmdline);
	board_fini(b);
}

static void assert_env(struct board *b, const char *name, const char *want)
{
	_free_ char *value = NULL;
	struct grubenv e;
	int r;

	assert_int_equal(grubenv_read(b->fd, ENV, &e), 0);
	r = grubenv_get(&e, name, &value);
	assert_int_equal(r, want ? 0 : -ENOENT);
	if (want)
		assert_string_equal(value, want);
}

static void put_env(struct board *b, const char *name, const char *value)
{
	struct grubenv e;

	assert_int_equal(grubenv_read(b->fd, ENV, &e), 0);
	assert_int_equal(grubenv_set(&e, name, value), 0);
	assert_int_equal(grubenv_write(b->fd, ENV, &e), 0);
}

static void probes_good_boards(void **state)
{
	struct kf_error err = {0};
	char note[256] = "";
	uint64_t space = 0;
	struct board b;

	(void)state;
	grub_board(&b);
	assert_int_equal(c->probe(&b.a, note, &err), 0);
	assert_string_equal(note, "GRUB, custom.cfg in /boot/grub (ext4)");
	assert_int_equal(c->space(&b.a, &space, &err), 0);
	assert_true(space > 0);
	/* Fedora: btrfs below, but /boot is an ext4 partition. */
	assert_int_equal(renameat(b.fd, "boot/grub", b.fd, "boot/grub2"), 0);
	put_text(&b, "proc/self/mountinfo",
		 "25 1 0:31 /root / rw - btrfs /dev/sda3 rw,subvol=/root\n"
		 "30 25 8:2 / /boot rw,relatime shared:9 master:2 - ext4 /dev/sda2 rw\n");
	assert_int_equal(c->probe(&b.a, note, &err), 0);
	assert_string_equal(note, "GRUB, custom.cfg in /boot/grub2 (ext4)");
	grub_board_fini(&b);
}

static void is_chosen_and_not_replaced(void **state)
{
	const struct boot_chain *got = NULL;
	struct kf_error err = {0};
	struct board b;

	(void)state;
	grub_board(&b);
	assert_int_equal(boot_select(&b.a, NULL, &got, &err), 0);
	assert_ptr_equal(got, c);
	/* Asked for by name, it is not replaced by one that could. */
	put_text(&b, "proc/self/mountinfo",
		 "25 1 0:31 / / rw - btrfs /dev/sda2 rw,subvol=/\n");
	assert_int_equal(boot_select(&b.a, "grub", &got, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "boot chain grub: /boot/grub is on btrfs"));
	grub_board_fini(&b);
}

static void refuses_where_grub_cannot_write(void **state)
{
	struct board b;

	(void)state;
	grub_board(&b);
	put_text(&b, "proc/self/mountinfo",
		 "25 1 0:31 /@ / rw - btrfs /dev/sda2 rw,subvol=/@\n");
	chain_refuses(c, &b, -ENOTSUP, "is on btrfs");
	chain_refuses(c, &b, -ENOTSUP, "efi-bootnext");
	put_text(&b, "proc/self/mountinfo", "25 1 0:31 / / rw - zfs rpool/ROOT rw\n");
	chain_refuses(c, &b, -ENOTSUP, "is on zfs");
	put_text(&b, "proc/self/mountinfo", "25 1 0:31 / / rw - overlay overlay rw\n");
	chain_refuses(c, &b, -ENOTSUP, "is on overlay");
	put_text(&b, "proc/self/mountinfo",
		 "25 1 253:0 / / rw - ext4 /dev/mapper/vg-root rw\n");
	put_text(&b, "sys/dev/block/253:0/dm/name", "vg-root\n");
	chain_refuses(c, &b, -ENOTSUP, "device mapper");
	put_text(&b, "proc/self/mountinfo", "25 1 259:3 / / rw - ext4 /dev/md0p1 rw\n");
	put_text(&b, "sys/dev/block/md/level", "raid1\n");
	put_text(&b, "sys/dev/block/259:3/partition", "1\n");
	chain_refuses(c, &b, -ENOTSUP, "MD RAID");
	put_text(&b, "proc/self/mountinfo",
		 "25 1 8:2 / / rw - ext4 /dev/sda2 rw,data=journal\n");
	assert_int_equal(fs_remove_tree(b.fd, "sys/dev/block/md"), 0);
	chain_refuses(c, &b, -ENOTSUP, "data=journal");
	put_text(&b, "proc/self/mountinfo",
		 ROOT_ONLY "26 25 8:3 / /boot ro - ext4 /dev/sda3 rw\n");
	chain_refuses(c, &b, -EROFS, "remount,rw /boot");
	put_text(&b, "proc/self/mountinfo",
		 ROOT_ONLY "26 25 8:3 / /boot rw - vfat /dev/sda3 rw\n");
	put_text(&b, "dev/kmsg",
		 "6,1,2,-;FAT-fs (sda3): Volume was not properly unmounted. Some\n");
	chain_refuses(c, &b, -EUCLEAN, "fsck.vfat");
	put_text(&b, "proc/self/mountinfo", "");
	chain_refuses(c, &b, -ENOENT, "find the file system");
	grub_board_fini(&b);
}

static void refuses_configurations_it_does_not_understand(void **state)
{
	char block[GRUBENV_SIZE * 2];
	struct board b;

	(void)state;
	grub_board(&b);
	put_text(&b, GRUB "grubenv", "# GRUB Environment Block\nsaved_entry=0\n");
	chain_refuses(c, &b, -EBADMSG, "/boot/grub/grubenv is no environment block");
	memset(block, '#', sizeof(block));
	memcpy(block, "# GRUB Environment Block\n", 25);
	put_bytes(&b, GRUB "grubenv", block, GRUBENV_SIZE);
	put_bytes(&b, ENV, block, sizeof(block));
	chain_refuses(c, &b, -EBADMSG, "2048 bytes");
	assert_int_equal(fs_remove_tree(b.fd, OURS), 0);
	put_text(&b, GRUB "custom.cfg", "### BEGIN kferry ###\nset a=b\n");
	chain_refuses(c, &b, -EBADMSG, "custom.cfg are damaged");
	put_text(&b, GRUB "custom.cfg", MINE);
	put_text(&b, GRUB "grub.cfg", "menuentry 'Debian' {\n}\n");
	chain_refuses(c, &b, -ENOTSUP, "41_custom");
	put_text(&b, GRUB "grub.cfg",
		 "source ${config_directory}/custom.cfg\nset default=1\n");
	chain_refuses(c, &b, -ENOTSUP, "sets the default once more");
	put_text(&b, "boot/grub2/grub.cfg", grub_cfg);
	chain_refuses(c, &b, -EEXIST, "both");
	assert_int_equal(fs_remove_tree(b.fd, "boot/grub"), 0);
	snprintf(b.a.boot.cmdline, 8, "ro");
	chain_refuses(c, &b, -ENOTSUP, "GRUB did not start this board");
	assert_int_equal(fs_remove_tree(b.fd, "boot/grub2"), 0);
	chain_refuses(c, &b, -ENOENT, "no GRUB");
	grub_board_fini(&b);
}

static void stages_arms_and_disarms(void **state)
{
	_free_ char *custom = NULL, *again = NULL, *entry = NULL;
	_close_ int initrd = -1;
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	grub_board(&b);
	put_text(&b, GRUB "custom.cfg", MINE);
	slot_make(&b, &s, "MZ the new kernel");
	initrd = initrd_of(&b, "the new initrd");
	assert_int_equal(c->arm(&b.a, s.id, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "deploy slot"));
	assert_int_equal(c->disarm(&b.a, &err), 0);
	assert_int_equal(c->stage(&b.a, &s, initrd, &err), 0);
	assert_file(&b, SLOT "/linux", "MZ the new kernel");
	assert_file(&b, SLOT "/initrd", "the new initrd");
	entry = get_text(&b, SLOT "/grub.cfg");
	assert_non_null(strstr(entry, " 'root=/dev/vda2' 'panic=10' 'kferry.slot="));
	custom = get_text(&b, GRUB "custom.cfg");
	assert_memory_equal(custom, MINE, strlen(MINE));
	assert_env(&b, "kferry_once", NULL);
	assert_int_equal(c->read_back(&b.a, s.id, &err), -ENODATA);
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	assert_env(&b, "kferry_once", TEST_SLOT);
	assert_int_equal(c->read_back(&b.a, s.id, &err), 0);
	assert_int_equal(c->read_back(&b.a, "k-00000000", &err), -ENODATA);
	/* Arming changes nothing but the environment block. */
	again = get_text(&b, GRUB "custom.cfg");
	assert_string_equal(custom, again);
	assert_int_equal(c->disarm(&b.a, &err), 0);
	assert_env(&b, "kferry_once", NULL);
	assert_int_equal(c->disarm(&b.a, &err), 0);
	/* As GRUB leaves it. */
	put_env(&b, "kferry_once", "");
	assert_int_equal(c->read_back(&b.a, s.id, &err), -ENODATA);
	assert_int_equal(c->disarm(&b.a, &err), 0);
	assert_file(&b, GRUB "grub.cfg", grub_cfg);
	assert_false(fs_exists(b.fd, GRUB "grubenv"));
	slot_drop(&s);
	grub_board_fini(&b);
}

static void arms_only_what_is_whole(void **state)
{
	_close_ int initrd = -1;
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	grub_board(&b);
	slot_make(&b, &s, "MZ kernel");
	initrd = initrd_of(&b, "initrd");
	assert_int_equal(c->stage(&b.a, &s, initrd, &err), 0);
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	/* update-grub has written a grub.cfg that does not know us any more. */
	put_text(&b, GRUB "grub.cfg", "menuentry 'Debian' {\n}\n");
	assert_int_equal(c->read_back(&b.a, s.id, &err), -ENOTSUP);
	assert_int_equal(c->arm(&b.a, s.id, &err), -ENOTSUP);
	put_text(&b, GRUB "grub.cfg", grub_cfg);
	put_text(&b, GRUB "custom.cfg", MINE);
	assert_int_equal(c->arm(&b.a, s.id, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "are gone or changed"));
	assert_int_equal(c->stage(&b.a, &s, initrd, &err), 0);
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	assert_int_equal(unlinkat(b.fd, SLOT "/initrd", 0), 0);
	assert_int_equal(c->arm(&b.a, s.id, &err), -ENOENT);
	assert_int_equal(c->commit(&b.a, s.id, &err), -ENOENT);
	put_text(&b, "proc/self/mountinfo", "25 1 8:2 / / ro - ext4 /dev/sda2 ro\n");
	assert_int_equal(c->arm(&b.a, s.id, &err), -EROFS);
	assert_int_equal(err.reason, KF_REASON_READ_ONLY);
	slot_drop(&s);
	grub_board_fini(&b);
}

static void stages_again(void **state)
{
	_close_ int initrd = -1;
	struct kf_error err = {0};
	struct stat before, after;
	struct board b;
	struct slot s;

	(void)state;
	grub_board(&b);
	slot_make(&b, &s, "MZ kernel");
	initrd = initrd_of(&b, "one");
	assert_int_equal(c->stage(&b.a, &s, initrd, &err), 0);
	assert_int_equal(fstatat(b.fd, GRUB "custom.cfg", &before, 0), 0);
	assert_int_equal(c->stage(&b.a, &s, initrd, &err), 0);
	assert_int_equal(fstatat(b.fd, GRUB "custom.cfg", &after, 0), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	/* A file that was damaged since is written again. */
	put_text(&b, SLOT "/linux", "MZ kernex");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	assert_file(&b, SLOT "/linux", "MZ kernel");
	assert_false(fs_exists(b.fd, SLOT "/initrd"));
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	slot_drop(&s);
	grub_board_fini(&b);
}

static void refuses_bad_images(void **state)
{
	uint8_t bz[0x206] = "";
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	grub_board(&b);
	slot_make(&b, &s, "\x1f\x8b gzip");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), -ENOEXEC);
	slot_drop(&s);
	slot_make(&b, &s, "MZ kernel");
	put_efivar(&b, EFIVAR_GLOBAL("SecureBoot"), 6, "\1", 1);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), -EPERM);
	assert_non_null(strstr(err.msg, "no signature"));
	put_efivar(&b, EFIVAR_GLOBAL("SetupMode"), 6, "\1", 1);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	put_efivar(&b, EFIVAR_GLOBAL("SetupMode"), 6, "\0", 1);
	put_efivar(&b, "MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23", 6, "\1", 1);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	put_text(&b, "var/lib/kferry/slots/" TEST_SLOT "/boot/image", "MZ altered");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), -EBADMSG);
	assert_int_equal(err.reason, KF_REASON_DIGEST);
	/* x86 without an EFI stub. */
	memcpy(bz + 0x202, "HdrS", 4);
	put_bytes(&b, "var/lib/kferry/slots/" TEST_SLOT "/boot/image", bz, sizeof(bz));
	digest_bytes(bz, sizeof(bz), &s.manifest.files[0].digest);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	free(s.conf.cmdline);
	s.conf.cmdline = strdup("a=\\x");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "command line"));
	slot_drop(&s);
	grub_board_fini(&b);
}

static void commits_and_goes_back(void **state)
{
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	grub_board(&b);
	slot_make(&b, &s, "MZ kernel");
	assert_int_equal(c->commit(&b.a, FOREIGN, &err), 0);
	assert_int_equal(c->commit(&b.a, s.id, &err), -ENOENT);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	assert_int_equal(c->commit(&b.a, s.id, &err), 0);
	assert_env(&b, "kferry_default", TEST_SLOT);
	assert_int_equal(c->commit(&b.a, s.id, &err), 0);
	assert_int_equal(c->disarm(&b.a, &err), 0);
	assert_env(&b, "kferry_default", TEST_SLOT);
	assert_int_equal(c->commit(&b.a, FOREIGN, &err), 0);
	assert_env(&b, "kferry_default", NULL);
	put_text(&b, ENV, "short");
	assert_true(c->commit(&b.a, s.id, &err) < 0);
	assert_file(&b, ENV, "short");
	slot_drop(&s);
	grub_board_fini(&b);
}

static void removes_all_of_a_slot(void **state)
{
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	grub_board(&b);
	put_text(&b, GRUB "custom.cfg", MINE);
	slot_make(&b, &s, "MZ kernel");
	put_text(&b, GRUB ".kf-tmp-0123456789abcdef", "cut off");
	assert_int_equal(c->remove(&b.a, s.id, &err), 0);
	assert_false(fs_exists(b.fd, GRUB ".kf-tmp-0123456789abcdef"));
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	put_text(&b, OURS "k-00000000/linux", "another slot's");
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	assert_int_equal(c->commit(&b.a, s.id, &err), 0);
	assert_int_equal(c->remove(&b.a, s.id, &err), 0);
	assert_false(fs_exists(b.fd, SLOT));
	assert_env(&b, "kferry_once", NULL);
	assert_env(&b, "kferry_default", NULL);
	/* The last one takes our lines along, and nobody else's. */
	assert_int_equal(c->remove(&b.a, "k-00000000", &err), 0);
	assert_false(fs_exists(b.fd, OURS));
	assert_file(&b, GRUB "custom.cfg", MINE);
	assert_int_equal(fs_remove_tree(b.fd, GRUB "custom.cfg"), 0);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	assert_int_equal(c->remove(&b.a, s.id, &err), 0);
	assert_false(fs_exists(b.fd, GRUB "custom.cfg"));
	assert_int_equal(c->remove(&b.a, "../../etc", &err), -EINVAL);
	slot_drop(&s);
	grub_board_fini(&b);
}

static void finds_the_running_initrd(void **state)
{
	_free_ char *path = NULL;
	struct board b;

	(void)state;
	grub_board(&b);
	assert_int_equal(c->running_initrd(&b.a, &path), 0);
	assert_string_equal(path, "/boot/initrd.img-6.1.0-old");
	cleanup_free(&path);
	path = NULL;
	/* /boot is a file system of its own. */
	put_text(&b, GRUB "grub.cfg",
		 "linux /vmlinuz-6.1.0-old\ninitrd /initrd.img-6.1.0-old\n");
	free(b.a.boot.cmdline);
	b.a.boot.cmdline = strdup("BOOT_IMAGE=/vmlinuz-6.1.0-old ro");
	assert_int_equal(c->running_initrd(&b.a, &path), 0);
	assert_string_equal(path, "/boot/initrd.img-6.1.0-old");
	cleanup_free(&path);
	path = NULL;
	put_text(&b, GRUB "grub.cfg",
		 "linux /vmlinuz-6.1.0-old\ninitrd /../../etc/shadow\n");
	assert_int_equal(c->running_initrd(&b.a, &path), -ENOENT);
	grub_board_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probes_good_boards),
		cmocka_unit_test(is_chosen_and_not_replaced),
		cmocka_unit_test(refuses_where_grub_cannot_write),
		cmocka_unit_test(refuses_configurations_it_does_not_understand),
		cmocka_unit_test(stages_arms_and_disarms),
		cmocka_unit_test(arms_only_what_is_whole),
		cmocka_unit_test(stages_again),
		cmocka_unit_test(refuses_bad_images),
		cmocka_unit_test(commits_and_goes_back),
		cmocka_unit_test(removes_all_of_a_slot),
		cmocka_unit_test(finds_the_running_initrd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
