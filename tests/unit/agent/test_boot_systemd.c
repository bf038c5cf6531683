/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd-boot on a scratch board: plain files for EFI variables, a made-up
 * the table of mounts. */
#include <sys/mount.h>
#include <unistd.h>

#include "agent/boot/boot.h"
#include "agent/boot/efi/efivar.h"
#include "proto/reason.h"
#include "tests/lib/board.h"
#include "tests/lib/mounted.h"

#define VARS	  TEST_EFIVARS
#define ESP	  "boot/efi/"
#define OUR_ENTRY ESP "loader/entries/-kferry-" TEST_SLOT ".conf"
#define OUR_FILES ESP "kferry/" TEST_SLOT
#define OUR_NAME  "-kferry-" TEST_SLOT ".conf"
#define MOUNTS_RW                                                                        \
	"25 1 254:2 / / rw,relatime - ext4 /dev/vda2 rw\n"                               \
	"31 25 0:30 / /sys/firmware/efi/efivars rw,nosuid - efivarfs efivarfs rw\n"      \
	"32 25 254:1 / /boot/efi rw,relatime - vfat /dev/vda1 rw\n"

static const struct boot_chain *const c = &boot_systemd;

static void put_var(struct board *b, const char *name, const char *value)
{
	_buf_ struct buf v = BUF_INIT;

	assert_int_equal(efivar_utf16_encode(value, &v), 0);
	put_efivar(b, name, 6, buf_data(&v), buf_len(&v));
}

/* NULL when it is not set. */
static char *get_var(struct board *b, const char *name)
{
	_free_ char *rel = NULL;
	char *s = NULL;
	int r;

	assert_true(asprintf(&rel, VARS "%s", name) > 0);
	r = efivar_read_string(b->fd, rel, &s);
	assert_true(r == 0 || r == -ENOENT);
	return s;
}

static void assert_var(struct board *b, const char *name, const char *want)
{
	_free_ char *s = get_var(b, name);

	if (!want) {
		assert_null(s);
		return;
	}
	assert_non_null(s);
	assert_string_equal(s, want);
}

static void put_features(struct board *b, uint8_t low)
{
	const uint8_t v[8] = {low};

	put_efivar(b, EFIVAR_LOADER("LoaderFeatures"), 6, v, sizeof(v));
}

static void sd_board(struct board *b)
{
	board_init(b);
	put_text(b, "proc/self/mountinfo", MOUNTS_RW);
	put_var(b, EFIVAR_LOADER("LoaderInfo"), "systemd-boot 252.39-1");
	put_features(b, 0x7f);
	put_text(b, ESP "loader/entries/m-6.1.0.conf",
		 "title Debian\nlinux /m/linux\ninitrd /ucode\ninitrd /m/initrd\n");
	put_text(b, ESP "m/linux", "MZ old");
	put_text(b, ESP "m/initrd", "old initrd");
	put_text(b, ESP "loader/loader.conf", "timeout 0\n#default *\n");
}

static void probes_a_good_board(void **state)
{
	struct kf_error err = {0};
	char note[256] = "";
	uint64_t space = 0;
	struct board b;

	(void)state;
	sd_board(&b);
	assert_int_equal(c->probe(&b.a, note, &err), 0);
	assert_string_equal(note,
			    "systemd-boot 252.39-1, entries in /boot/efi/loader/entries");
	assert_int_equal(c->space(&b.a, &space, &err), 0);
	assert_true(space > 0);
	board_fini(&b);
}

static void refuses_other_loaders(void **state)
{
	struct board b;

	(void)state;
	sd_board(&b);
	put_var(&b, EFIVAR_LOADER("LoaderInfo"), "steamcl 20260101");
	chain_refuses(c, &b, -ENOTSUP, "SteamOS");
	put_var(&b, EFIVAR_LOADER("LoaderInfo"), "systemd-stub 252");
	chain_refuses(c, &b, -ENOTSUP, "not systemd-boot");
	put_var(&b, EFIVAR_LOADER("LoaderInfo"), "systemd-boot 239");
	put_features(&b, 0x77); /* all but the one-shot */
	chain_refuses(c, &b, -ENOTSUP, "cannot start an entry once");
	assert_int_equal(fs_remove_tree(b.fd, VARS EFIVAR_LOADER("LoaderFeatures")), 0);
	chain_refuses(c, &b, -ENOTSUP, "cannot start an entry once");
	assert_int_equal(fs_remove_tree(b.fd, VARS EFIVAR_LOADER("LoaderInfo")), 0);
	chain_refuses(c, &b, -ENOTSUP, "did not start this board");
	board_fini(&b);
}

static void refuses_what_cannot_be_written(void **state)
{
	struct board b;

	(void)state;
	sd_board(&b);
	put_text(&b, "proc/self/mountinfo",
		 "25 1 254:2 / / rw - ext4 /dev/vda2 rw\n"
		 "34 25 254:1 / /boot/efi ro,relatime - vfat /dev/vda1 ro\n");
	chain_refuses(c, &b, -EROFS, "remount,rw /boot/efi");
	put_text(&b, "proc/self/mountinfo", MOUNTS_RW);
	put_text(&b, "dev/kmsg",
		 "6,1,2,-;FAT-fs (vda1): Volume was not properly unmounted. Some\n");
	chain_refuses(c, &b, -EUCLEAN, "fsck.vfat");
	put_text(&b, "dev/kmsg", "");
	put_text(&b, "proc/self/mountinfo",
		 "35 25 0:30 / /sys/firmware/efi/efivars ro - efivarfs efivarfs ro\n"
		 "36 25 254:1 / /boot/efi rw - vfat /dev/vda1 rw\n");
	chain_refuses(c, &b, -EROFS, "EFI variables are read-only");
	put_text(&b, "proc/self/mountinfo", "25 1 254:2 / / rw - ext4 /dev/vda2 rw\n");
	chain_refuses(c, &b, -ENOENT, "mount the ESP");
	assert_int_equal(fs_remove_tree(b.fd, "sys/firmware/efi/efivars"), 0);
	chain_refuses(c, &b, -ENOTSUP, "mount -t efivarfs");
	assert_int_equal(fs_remove_tree(b.fd, "sys/firmware/efi"), 0);
	chain_refuses(c, &b, -ENOTSUP, "not started by UEFI");
	board_fini(&b);
}

static void refuses_defaults_that_would_choose_ours(void **state)
{
	struct board b;

	(void)state;
	sd_board(&b);
	put_text(&b, ESP "loader/loader.conf", "default  *\n");
	chain_refuses(c, &b, -ENOTSUP, "\"*\"");
	put_text(&b, ESP "loader/loader.conf", "default \"?KFERRY*\"\n");
	chain_refuses(c, &b, -ENOTSUP, "loader.conf");
	put_text(&b, ESP "loader/loader.conf", "default m-*\n");
	put_var(&b, EFIVAR_LOADER("LoaderEntryDefault"), "*-k-*");
	chain_refuses(c, &b, -ENOTSUP, "LoaderEntryDefault");
	put_var(&b, EFIVAR_LOADER("LoaderEntryDefault"), "@saved");
	/* An entry that has no tries left comes behind ours. */
	assert_int_equal(renameat(b.fd, ESP "loader/entries/m-6.1.0.conf", b.fd,
				  ESP "loader/entries/m-6.1.0+0-3.conf"),
			 0);
	chain_refuses(c, &b, -ENOTSUP, "no other boot entry");
	board_fini(&b);
}

/* With Secure Boot on a kernel without a signature would not be started. */
static void refuses_unsigned_kernels(void **state)
{
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	sd_board(&b);
	slot_make(&b, &s, "MZ kernel");
	put_bytes(&b, VARS EFIVAR_GLOBAL("SecureBoot"), "\7\0\0\0\1", 5);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), -EPERM);
	assert_non_null(strstr(err.msg, "systemd-boot would not start it"));
	assert_false(fs_exists(b.fd, OUR_ENTRY));
	/* shim's validation is off. */
	put_bytes(&b, VARS "MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23",
		  "\7\0\0\0\1", 5);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	slot_drop(&s);
	board_fini(&b);
}

/* A store of variables that takes no more, as a file system that is full. */
static void says_what_to_delete_when_the_store_is_full(void **state)
{
	_free_ char *vars = NULL;
	struct kf_error err = {0};
	uint8_t fill[4096] = {1};
	struct board b;
	struct slot s;
	int fd;

	(void)state;
	sd_board(&b);
	slot_make(&b, &s, "MZ kernel");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	assert_true(asprintf(&vars, "%s/" VARS, b.path) > 0);
	if (!test_mount("none", vars, "tmpfs", 0, "size=32k")) {
		slot_drop(&s);
		board_fini(&b);
		skip();
	}
	put_var(&b, EFIVAR_LOADER("LoaderInfo"), "systemd-boot 252.39-1");
	put_features(&b, 0x7f);
	fd = fs_open_beneath(b.fd, VARS "fill", O_WRONLY | O_CREAT, 0644);
	assert_true(fd >= 0);
	while (write(fd, fill, sizeof(fill)) > 0)
		;
	close(fd);
	assert_int_equal(c->arm(&b.a, s.id, &err), -ENOSPC);
	assert_non_null(strstr(err.msg, "/sys/fs/pstore"));
	assert_true(c->read_back(&b.a, s.id, &err) < 0);
	assert_int_equal(umount2(vars, MNT_DETACH), 0);
	slot_drop(&s);
	board_fini(&b);
}

static void stages_arms_and_disarms(void **state)
{
	_close_ int initrd = -1;
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	sd_board(&b);
	slot_make(&b, &s, "MZ the new kernel");
	initrd = initrd_of(&b, "the new initrd");
	assert_int_equal(c->arm(&b.a, s.id, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "deploy slot"));
	assert_int_equal(c->stage(&b.a, &s, initrd, &err), 0);
	assert_file(&b, OUR_FILES "/linux", "MZ the new kernel");
	assert_file(&b, OUR_FILES "/initrd", "the new initrd");
	assert_file(&b, OUR_ENTRY,
		    "title kferry " TEST_SLOT " (6.18.0-rc3)\nversion 6.18.0-rc3\n"
		    "linux /kferry/" TEST_SLOT "/linux\n"
		    "initrd /kferry/" TEST_SLOT "/initrd\n"
		    "options root=/dev/vda2 panic=10 kferry.slot=" TEST_SLOT "\n");
	assert_int_equal(c->read_back(&b.a, s.id, &err), -ENODATA);
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	assert_var(&b, EFIVAR_LOADER("LoaderEntryOneShot"), OUR_NAME);
	assert_int_equal(c->read_back(&b.a, s.id, &err), 0);
	assert_int_equal(c->read_back(&b.a, "k-00000000", &err), -ENODATA);
	assert_int_equal(c->disarm(&b.a, &err), 0);
	assert_var(&b, EFIVAR_LOADER("LoaderEntryOneShot"), NULL);
	assert_int_equal(c->disarm(&b.a, &err), 0);
	/* Somebody else's one-shot is not ours to delete. */
	put_var(&b, EFIVAR_LOADER("LoaderEntryOneShot"), "m-6.1.0.conf");
	assert_int_equal(c->disarm(&b.a, &err), 0);
	assert_var(&b, EFIVAR_LOADER("LoaderEntryOneShot"), "m-6.1.0.conf");
	assert_var(&b, EFIVAR_LOADER("LoaderEntryDefault"), NULL);
	slot_drop(&s);
	board_fini(&b);
}

/* The board was started another way, and the one-shot waits for the next boot. */
static void knows_of_an_arm_without_its_loader(void **state)
{
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	sd_board(&b);
	slot_make(&b, &s, "MZ kernel");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	assert_int_equal(fs_remove_tree(b.fd, VARS EFIVAR_LOADER("LoaderInfo")), 0);
	assert_int_equal(c->read_back(&b.a, s.id, &err), 0);
	assert_int_equal(c->disarm(&b.a, &err), 0);
	assert_var(&b, EFIVAR_LOADER("LoaderEntryOneShot"), NULL);
	assert_int_equal(c->read_back(&b.a, s.id, &err), -ENODATA);
	put_text(&b, "proc/self/mountinfo", "25 1 254:2 / / rw - ext4 /dev/vda2 rw\n");
	assert_int_not_equal(c->read_back(&b.a, s.id, &err), -ENODATA);
	assert_true(c->read_back(&b.a, s.id, &err) < 0);
	slot_drop(&s);
	board_fini(&b);
}

static void stages_again(void **state)
{
	_close_ int first = -1, second = -1;
	struct kf_error err = {0};
	struct stat before, after;
	struct board b;
	struct slot s;

	(void)state;
	sd_board(&b);
	slot_make(&b, &s, "MZ kernel");
	first = initrd_of(&b, "one");
	assert_int_equal(c->stage(&b.a, &s, first, &err), 0);
	assert_int_equal(fstatat(b.fd, OUR_FILES "/linux", &before, 0), 0);
	/* What a power cut left, and an initramfs that was made anew. */
	put_text(&b, OUR_FILES "/" FS_TMP_PREFIX "initrd", "half");
	put_text(&b, "second", "two");
	second = fs_open_beneath(b.fd, "second", O_RDONLY, 0);
	assert_int_equal(c->stage(&b.a, &s, second, &err), 0);
	assert_file(&b, OUR_FILES "/initrd", "two");
	assert_int_equal(fstatat(b.fd, OUR_FILES "/linux", &after, 0), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	/* A file that was damaged since is written again. */
	put_text(&b, OUR_FILES "/linux", "MZ kernex");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	assert_file(&b, OUR_FILES "/linux", "MZ kernel");
	assert_false(fs_exists(b.fd, OUR_FILES "/initrd"));
	slot_drop(&s);
	board_fini(&b);
}

static void refuses_bad_images(void **state)
{
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	sd_board(&b);
	slot_make(&b, &s, "\x1f\x8b gzip");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), -ENOEXEC);
	assert_non_null(strstr(err.msg, "CONFIG_EFI_STUB"));
	put_text(&b, "var/lib/kferry/slots/" TEST_SLOT "/boot/image", "MZ altered");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), -EBADMSG);
	assert_int_equal(err.reason, KF_REASON_DIGEST);
	free(s.conf.cmdline);
	s.conf.cmdline = strdup("a\nb");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), -EINVAL);
	assert_false(fs_exists(b.fd, OUR_ENTRY));
	slot_drop(&s);
	board_fini(&b);
}

static void commits_and_goes_back(void **state)
{
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	sd_board(&b);
	slot_make(&b, &s, "MZ kernel");
	assert_int_equal(c->commit(&b.a, s.id, &err), -ENOENT);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	put_var(&b, EFIVAR_LOADER("LoaderEntryDefault"), "m-6.1.0.conf");
	assert_int_equal(c->commit(&b.a, s.id, &err), 0);
	assert_var(&b, EFIVAR_LOADER("LoaderEntryDefault"), OUR_NAME);
	/* A second commit must not take our own default for the board's. */
	assert_int_equal(c->commit(&b.a, s.id, &err), 0);
	assert_int_equal(c->commit(&b.a, FOREIGN, &err), 0);
	assert_var(&b, EFIVAR_LOADER("LoaderEntryDefault"), "m-6.1.0.conf");
	/* What the user sets afterwards stays. */
	put_var(&b, EFIVAR_LOADER("LoaderEntryDefault"), "other.conf");
	assert_int_equal(c->commit(&b.a, FOREIGN, &err), 0);
	assert_var(&b, EFIVAR_LOADER("LoaderEntryDefault"), "other.conf");
	/* None before: none afterwards. */
	assert_int_equal(fs_remove_tree(b.fd, VARS EFIVAR_LOADER("LoaderEntryDefault")),
			 0);
	assert_int_equal(c->commit(&b.a, s.id, &err), 0);
	assert_int_equal(c->commit(&b.a, FOREIGN, &err), 0);
	assert_var(&b, EFIVAR_LOADER("LoaderEntryDefault"), NULL);
	slot_drop(&s);
	board_fini(&b);
}

static void removes_all_of_a_slot(void **state)
{
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	sd_board(&b);
	slot_make(&b, &s, "MZ kernel");
	put_text(&b, ESP "loader/entries/.kf-tmp-0123456789abcdef", "cut off");
	assert_int_equal(c->remove(&b.a, s.id, &err), 0);
	assert_false(fs_exists(b.fd, ESP "loader/entries/.kf-tmp-0123456789abcdef"));
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	put_var(&b, EFIVAR_LOADER("LoaderEntryDefault"), "m-6.1.0.conf");
	assert_int_equal(c->commit(&b.a, s.id, &err), 0);
	assert_int_equal(c->remove(&b.a, s.id, &err), 0);
	assert_false(fs_exists(b.fd, OUR_ENTRY));
	assert_false(fs_exists(b.fd, ESP "kferry"));
	assert_true(fs_exists(b.fd, ESP "m/linux"));
	assert_var(&b, EFIVAR_LOADER("LoaderEntryOneShot"), NULL);
	assert_var(&b, EFIVAR_LOADER("LoaderEntryDefault"), "m-6.1.0.conf");
	assert_int_equal(c->remove(&b.a, "../../etc", &err), -EINVAL);
	slot_drop(&s);
	board_fini(&b);
}

static void finds_the_running_initrd(void **state)
{
	_free_ char *path = NULL, *counted = NULL;
	struct board b;

	(void)state;
	sd_board(&b);
	assert_int_equal(c->running_initrd(&b.a, &path), -ENOENT);
	put_var(&b, EFIVAR_LOADER("LoaderEntrySelected"), "M-6.1.0.conf");
	assert_int_equal(c->running_initrd(&b.a, &path), 0);
	assert_string_equal(path, "/boot/efi/m/initrd");
	assert_int_equal(renameat(b.fd, ESP "loader/entries/m-6.1.0.conf", b.fd,
				  ESP "loader/entries/m-6.1.0+2-1.conf"),
			 0);
	assert_int_equal(c->running_initrd(&b.a, &counted), 0);
	assert_string_equal(counted, path);
	put_text(&b, ESP "loader/entries/evil.conf",
		 "linux /m/linux\ninitrd /../../../etc/shadow\n");
	put_var(&b, EFIVAR_LOADER("LoaderEntrySelected"), "evil.conf");
	cleanup_free(&path);
	path = NULL;
	assert_int_equal(c->running_initrd(&b.a, &path), -ENOENT);
	board_fini(&b);
}

static void takes_xbootldr_before_the_esp(void **state)
{
	struct kf_error err = {0};
	char note[256];
	struct board b;

	(void)state;
	sd_board(&b);
	assert_int_equal(fs_mkdirs(b.fd, "boot/loader/entries"), 0);
	assert_int_equal(fs_mkdirs(b.fd, "efi/loader"), 0);
	put_text(&b, "proc/self/mountinfo",
		 "38 25 254:1 / /efi rw - vfat /dev/vda1 rw\n"
		 "39 25 254:3 / /boot rw - vfat /dev/vda3 rw\n");
	/* Its only entries are on a partition that is not mounted any more. */
	chain_refuses(c, &b, -ENOTSUP, "no other boot entry");
	put_text(&b, "boot/EFI/Linux/x.efi", "MZ");
	assert_int_equal(c->probe(&b.a, note, &err), 0);
	assert_non_null(strstr(note, "in /boot/loader/entries"));
	put_text(&b, "efi/loader/loader.conf", "default -*\n");
	chain_refuses(c, &b, -ENOTSUP, "/efi/loader/loader.conf");
	b.a.conf.boot_dir = (char *)"/boot/efi";
	put_text(&b, "proc/self/mountinfo", "25 1 254:1 / / ro - ext4 /dev/vda1 ro\n");
	chain_refuses(c, &b, -EROFS, "/boot/efi");
	b.a.conf.boot_dir = (char *)"/nowhere";
	chain_refuses(c, &b, -ENOENT, "boot_dir /nowhere");
	board_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probes_a_good_board),
		cmocka_unit_test(refuses_other_loaders),
		cmocka_unit_test(refuses_what_cannot_be_written),
		cmocka_unit_test(refuses_defaults_that_would_choose_ours),
		cmocka_unit_test(stages_arms_and_disarms),
		cmocka_unit_test(knows_of_an_arm_without_its_loader),
		cmocka_unit_test(stages_again),
		cmocka_unit_test(refuses_bad_images),
		cmocka_unit_test(refuses_unsigned_kernels),
		cmocka_unit_test(says_what_to_delete_when_the_store_is_full),
		cmocka_unit_test(commits_and_goes_back),
		cmocka_unit_test(removes_all_of_a_slot),
		cmocka_unit_test(finds_the_running_initrd),
		cmocka_unit_test(takes_xbootldr_before_the_esp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
