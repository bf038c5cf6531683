/* SPDX-License-Identifier: GPL-2.0-or-later */
/* BootNext on a scratch board: plain files for EFI variables, a made-up ESP. */
#include <sys/mount.h>

#include "agent/boot/boot.h"
#include "agent/boot/efi/efivar.h"
#include "agent/boot/efi/loadopt.h"
#include "proto/reason.h"
#include "tests/lib/board.h"
#include "tests/lib/mounted.h"

#define VARS	      TEST_EFIVARS
#define ESP	      "boot/efi/"
#define SLOT	      ESP "EFI/kferry/" TEST_SLOT
#define UDEV	      "run/udev/data/b8:1"
#define ORDER	      EFIVAR_GLOBAL("BootOrder")
#define NEXT	      EFIVAR_GLOBAL("BootNext")
#define OURS	      EFIVAR_GLOBAL("Boot0001") /* the lowest that is free */
#define FOREIGN_ENTRY EFIVAR_GLOBAL("Boot0000")
#define MOUNTS                                                                           \
	"25 1 8:2 / / rw - ext4 /dev/sda2 rw\n"                                          \
	"30 25 8:1 / /boot/efi rw,relatime - vfat /dev/sda1 rw,fmask=0077\n"
#define PART_UUID "11223344-5566-7788-99aa-bbccddeeff00"
#define UDEV_TEXT                                                                        \
	"S:disk/by-partuuid/" PART_UUID "\nE:ID_PART_ENTRY_SCHEME=gpt\n"                 \
	"E:ID_PART_ENTRY_UUID=" PART_UUID "\n"                                           \
	"E:ID_PART_ENTRY_TYPE=c12a7328-f81f-11d2-ba4b-00a0c93ec93b\n"

static const struct boot_chain *const c = &boot_efi;
static const uint8_t guid[16] = {0x44, 0x33, 0x22, 0x11, 0x66, 0x55, 0x88, 0x77,
				 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x00};

/* want NULL: it shall not be there. */
static void assert_var(struct board *b, const char *name, const void *want, size_t n)
{
	_free_ char *rel = NULL;
	_buf_ struct buf v = BUF_INIT;
	uint32_t attrs;
	int r;

	assert_true(asprintf(&rel, VARS "%s", name) > 0);
	r = efivar_read(b->fd, rel, &attrs, &v);
	if (!want) {
		assert_int_equal(r, -ENOENT);
		return;
	}
	assert_int_equal(r, 0);
	assert_int_equal(attrs, EFIVAR_NV_BS_RT);
	assert_int_equal(buf_len(&v), n);
	assert_memory_equal(buf_data(&v), want, n);
}

static bool has_var(struct board *b, const char *name)
{
	_free_ char *rel = NULL;

	assert_true(asprintf(&rel, VARS "%s", name) > 0);
	return fs_exists(b->fd, rel);
}

static void get_entry(struct board *b, const char *name, struct loadopt *o)
{
	_free_ char *rel = NULL;
	_buf_ struct buf v = BUF_INIT;

	assert_true(asprintf(&rel, VARS "%s", name) > 0);
	assert_int_equal(efivar_read(b->fd, rel, NULL, &v), 0);
	assert_int_equal(loadopt_decode(buf_data(&v), buf_len(&v), o), 0);
}

static void put_entry(struct board *b, const char *name, const char *file,
		      const char *cmdline)
{
	_buf_ struct buf v = BUF_INIT, data = BUF_INIT;
	struct loadopt o = {.attributes = LOADOPT_ACTIVE,
			    .description = (char *)"x",
			    .has_partition = true,
			    .partition = {.gpt = true},
			    .file = (char *)file};

	memcpy(o.partition.id, guid, 16);
	assert_int_equal(efivar_utf16_encode(cmdline, &data), 0);
	o.data = data.data;
	o.n_data = buf_len(&data);
	assert_int_equal(loadopt_encode(&o, &v), 0);
	put_efivar(b, name, EFIVAR_NV_BS_RT, buf_data(&v), buf_len(&v));
}

static void efi_board(struct board *b)
{
	board_init(b);
	put_text(b, "proc/self/mountinfo", MOUNTS);
	put_text(b, "sys/dev/block/8:1/partition", "1\n");
	put_text(b, "sys/dev/block/8:1/start", "2048\n");
	put_text(b, "sys/dev/block/8:1/size", "131072\n");
	put_text(b, UDEV, UDEV_TEXT);
	put_text(b, "sys/firmware/efi/fw_platform_size", "64\n");
	put_text(b, ESP "EFI/debian/grubx64.efi", "MZ");
	put_entry(b, FOREIGN_ENTRY, "\\EFI\\debian\\grubx64.efi", "");
	put_efivar(b, ORDER, EFIVAR_NV_BS_RT, "\0\0\5\0", 4);
	snprintf(b->a.boot.machine, sizeof(b->a.boot.machine), "x86_64");
}

static void probes_a_good_board(void **state)
{
	struct kf_error err = {0};
	char note[256] = "";
	uint64_t space = 0, size = 0;
	_free_ char *where = NULL;
	struct board b;

	(void)state;
	efi_board(&b);
	assert_int_equal(c->probe(&b.a, note, &err), 0);
	assert_string_equal(note, "UEFI BootNext, kernels in /boot/efi/EFI/kferry");
	assert_int_equal(c->space(&b.a, &space, &err), 0);
	assert_true(space > 0);
	assert_int_equal(c->size(&b.a, &size, &where), 0);
	assert_true(size >= space);
	assert_string_equal(where, "/boot/efi");
	put_efivar(&b, EFIVAR_GLOBAL("SecureBoot"), EFIVAR_NV_BS_RT, "\1", 1);
	assert_int_equal(c->probe(&b.a, note, &err), 0);
	assert_non_null(strstr(note, "signed kernels only"));
	board_fini(&b);
}

static void refuses_boards_without(void **state)
{
	struct board b;

	(void)state;
	efi_board(&b);
	put_text(&b, "sys/firmware/efi/fw_platform_size", "32\n");
	chain_refuses(c, &b, -ENOTSUP, "has 32 bits");
	put_text(&b, "proc/self/mountinfo",
		 "30 25 8:1 / /boot/efi ro - vfat /dev/sda1 rw\n");
	chain_refuses(c, &b, -EROFS, "remount,rw /boot/efi");
	put_text(&b, "proc/self/mountinfo",
		 "30 25 8:1 / /boot/efi rw - vfat /dev/sda1 rw\n");
	put_text(&b, "dev/kmsg",
		 "6,1,2,-;FAT-fs (sda1): Volume was not properly unmounted. Some\n");
	chain_refuses(c, &b, -EUCLEAN, "fsck.vfat");
	put_text(&b, "dev/kmsg", "");
	put_text(&b, UDEV, "E:ID_FS_TYPE=vfat\n");
	chain_refuses(c, &b, -ENOTSUP, "is udev running");
	put_text(&b, "sys/dev/block/uevent", "MAJOR=8\nDEVNAME=sda\n");
	put_text(&b, "dev/sda", "too short");
	chain_refuses(c, &b, -EBADMSG, "partition table");
	put_text(&b, UDEV,
		 "E:ID_PART_ENTRY_UUID=" PART_UUID "\n"
		 "E:ID_PART_ENTRY_TYPE=bc13c2ff-59e6-4262-a352-b275fd6f7172\n");
	chain_refuses(c, &b, -ENOENT, "no EFI system partition");
	put_text(&b, "sys/dev/block/8:1/md/level", "raid1\n");
	chain_refuses(c, &b, -ENOTSUP, "MD RAID");
	put_text(&b, "proc/self/mountinfo", "25 1 8:2 / / rw - ext4 /dev/sda2 rw\n");
	chain_refuses(c, &b, -ENOENT, "no EFI system partition");
	put_text(&b, "proc/self/mountinfo",
		 "28 25 0:30 / /sys/firmware/efi/efivars ro - efivarfs efivarfs rw\n");
	chain_refuses(c, &b, -EROFS, "EFI variables are read-only");
	assert_int_equal(fs_remove_tree(b.fd, "sys/firmware/efi"), 0);
	chain_refuses(c, &b, -ENOTSUP, "not started by UEFI");
	board_fini(&b);
}

static void arms_once_and_disarms(void **state)
{
	_loadopt_ struct loadopt o = {0};
	_free_ char *cmdline = NULL;
	_close_ int initrd = -1;
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	efi_board(&b);
	slot_make(&b, &s, "MZ the new kernel");
	initrd = initrd_of(&b, "the new initrd");
	assert_int_equal(c->arm(&b.a, s.id, &err), -ENOENT);
	assert_int_equal(c->stage(&b.a, &s, initrd, &err), 0);
	assert_file(&b, SLOT "/linux.efi", "MZ the new kernel");
	assert_file(&b, SLOT "/initrd", "the new initrd");
	assert_false(has_var(&b, OURS));
	assert_int_equal(c->read_back(&b.a, s.id, &err), -ENODATA);
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	assert_int_equal(c->read_back(&b.a, s.id, &err), 0);
	assert_int_equal(c->read_back(&b.a, "k-00000000", &err), -ENODATA);
	assert_var(&b, NEXT, "\1\0", 2);
	assert_var(&b, ORDER, "\0\0\5\0", 4);
	get_entry(&b, OURS, &o);
	assert_string_equal(o.description, "kferry " TEST_SLOT);
	assert_string_equal(o.file, "\\EFI\\kferry\\" TEST_SLOT "\\linux.efi");
	assert_memory_equal(o.partition.id, guid, 16);
	assert_int_equal(o.partition.start, 2048);
	assert_int_equal(efivar_utf16_decode(o.data, o.n_data, &cmdline), 0);
	assert_string_equal(cmdline, "initrd=\\EFI\\kferry\\" TEST_SLOT "\\initrd "
				     "root=/dev/vda2 panic=10 kferry.slot=" TEST_SLOT);
	assert_int_equal(c->disarm(&b.a, &err), 0);
	assert_var(&b, NEXT, NULL, 0);
	assert_false(has_var(&b, OURS));
	assert_true(has_var(&b, FOREIGN_ENTRY));
	assert_int_equal(c->disarm(&b.a, &err), 0);
	slot_drop(&s);
	board_fini(&b);
}

static void leaves_others_alone(void **state)
{
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	efi_board(&b);
	slot_make(&b, &s, "MZ kernel");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	put_efivar(&b, NEXT, EFIVAR_NV_BS_RT, "\0\0", 2);
	assert_int_equal(c->arm(&b.a, s.id, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "Boot0000 by somebody else"));
	assert_int_equal(c->disarm(&b.a, &err), 0);
	assert_var(&b, NEXT, "\0\0", 2);
	assert_int_equal(fs_remove_tree(b.fd, VARS NEXT), 0);
	/* A number that BootOrder names already would be no one-shot. */
	put_efivar(&b, ORDER, EFIVAR_NV_BS_RT, "\0\0\1\0\2\0", 6);
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	assert_var(&b, NEXT, "\3\0", 2);
	/* The firmware has added the entry, and changed it. */
	put_efivar(&b, ORDER, EFIVAR_NV_BS_RT, "\0\0\3\0", 4);
	assert_int_equal(c->read_back(&b.a, s.id, &err), -ENODATA);
	assert_non_null(strstr(err.msg, "into BootOrder"));
	put_efivar(&b, ORDER, EFIVAR_NV_BS_RT, "\0\0", 2);
	put_entry(&b, EFIVAR_GLOBAL("Boot0003"),
		  "\\EFI\\kferry\\" TEST_SLOT "\\linux.efi", "other");
	assert_int_equal(c->read_back(&b.a, s.id, &err), -ENODATA);
	assert_non_null(strstr(err.msg, "not what was written"));
	put_efivar(&b, ORDER, EFIVAR_NV_BS_RT, "\0\0\3\0", 4);
	assert_int_equal(c->disarm(&b.a, &err), 0);
	assert_var(&b, ORDER, "\0\0", 2);
	assert_false(has_var(&b, EFIVAR_GLOBAL("Boot0003")));
	slot_drop(&s);
	board_fini(&b);
}

static void stages_again(void **state)
{
	_close_ int initrd = -1;
	struct kf_error err = {0};
	struct stat before, after;
	struct board b;
	struct slot s;

	(void)state;
	efi_board(&b);
	slot_make(&b, &s, "MZ kernel");
	initrd = initrd_of(&b, "one");
	assert_int_equal(c->stage(&b.a, &s, initrd, &err), 0);
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	assert_int_equal(fstatat(b.fd, SLOT "/linux.efi", &before, 0), 0);
	/* The same again keeps even the arm. */
	assert_int_equal(c->stage(&b.a, &s, initrd, &err), 0);
	assert_int_equal(c->read_back(&b.a, s.id, &err), 0);
	/* Files that change under an arm take it back. */
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	assert_int_equal(c->read_back(&b.a, s.id, &err), -ENODATA);
	assert_int_equal(fstatat(b.fd, SLOT "/linux.efi", &after, 0), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_false(fs_exists(b.fd, SLOT "/initrd"));
	assert_int_equal(unlinkat(b.fd, SLOT "/linux.efi", 0), 0);
	assert_int_equal(c->arm(&b.a, s.id, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "deploy slot"));
	slot_drop(&s);
	board_fini(&b);
}

static void put_pe(struct board *b, struct slot *s, uint8_t signature)
{
	uint8_t pe[0x200] = "MZ";

	pe[0x3c] = 0x80;
	memcpy(pe + 0x80, "PE\0", 4);
	pe[0x98] = 0x0b; /* PE32+ */
	pe[0x99] = 0x02;
	pe[0x98 + 108] = 16; /* directories */
	pe[0x98 + 112 + 4 * 8 + 4] = signature;
	put_bytes(b, "var/lib/kferry/slots/" TEST_SLOT "/boot/image", pe, sizeof(pe));
	digest_bytes(pe, sizeof(pe), &s->manifest.files[0].digest);
}

static void refuses_bad_images(void **state)
{
	struct kf_error err = {0};
	char longest[2100];
	struct board b;
	struct slot s;

	(void)state;
	efi_board(&b);
	slot_make(&b, &s, "\x1f\x8b gzip");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), -ENOEXEC);
	assert_non_null(strstr(err.msg, "CONFIG_EFI_STUB"));
	put_efivar(&b, EFIVAR_GLOBAL("SecureBoot"), EFIVAR_NV_BS_RT, "\1", 1);
	/* Only GRUB asks shim. */
	put_efivar(&b, "MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23",
		   EFIVAR_NV_BS_RT, "\1", 1);
	put_pe(&b, &s, 0);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), -EPERM);
	assert_non_null(strstr(err.msg, "no signature"));
	put_pe(&b, &s, 8);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	put_text(&b, "var/lib/kferry/slots/" TEST_SLOT "/boot/image", "MZ altered");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), -EBADMSG);
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	free(s.conf.cmdline);
	s.conf.cmdline = strdup(longest);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "longer than"));
	slot_drop(&s);
	board_fini(&b);
}

static void commits_and_goes_back(void **state)
{
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	efi_board(&b);
	slot_make(&b, &s, "MZ kernel");
	assert_int_equal(c->commit(&b.a, s.id, &err), -ENOENT);
	assert_var(&b, ORDER, "\0\0\5\0", 4);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	assert_int_equal(c->commit(&b.a, s.id, &err), 0);
	assert_var(&b, ORDER, "\1\0\0\0\5\0", 6);
	assert_int_equal(c->commit(&b.a, s.id, &err), 0);
	assert_var(&b, ORDER, "\1\0\0\0\5\0", 6);
	/* The default is not what disarming is about. */
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	assert_int_equal(c->read_back(&b.a, s.id, &err), 0);
	assert_int_equal(c->disarm(&b.a, &err), 0);
	assert_true(has_var(&b, OURS));
	/* What was added since stays. */
	put_efivar(&b, ORDER, EFIVAR_NV_BS_RT, "\1\0\7\0\0\0\5\0", 8);
	assert_int_equal(c->commit(&b.a, FOREIGN, &err), 0);
	assert_var(&b, ORDER, "\7\0\0\0\5\0", 6);
	assert_false(has_var(&b, OURS));
	/* Where there was no BootOrder there is none afterwards. */
	assert_int_equal(fs_remove_tree(b.fd, VARS ORDER), 0);
	assert_int_equal(c->commit(&b.a, s.id, &err), 0);
	assert_var(&b, ORDER, "\1\0", 2);
	assert_int_equal(c->commit(&b.a, FOREIGN, &err), 0);
	assert_var(&b, ORDER, NULL, 0);
	slot_drop(&s);
	board_fini(&b);
}

static void removes_all_of_a_slot(void **state)
{
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	efi_board(&b);
	slot_make(&b, &s, "MZ kernel");
	assert_int_equal(c->remove(&b.a, s.id, &err), 0);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	assert_int_equal(c->commit(&b.a, s.id, &err), 0);
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	/* Another slot is armed and stays so. */
	put_entry(&b, EFIVAR_GLOBAL("Boot0009"), "\\EFI\\kferry\\k-00000000\\linux.efi",
		  "ro");
	put_efivar(&b, NEXT, EFIVAR_NV_BS_RT, "\11\0", 2);
	assert_int_equal(c->remove(&b.a, s.id, &err), 0);
	assert_false(fs_exists(b.fd, ESP "EFI/kferry"));
	assert_true(fs_exists(b.fd, ESP "EFI/debian/grubx64.efi"));
	assert_false(has_var(&b, OURS));
	assert_var(&b, ORDER, "\0\0\5\0", 4);
	assert_var(&b, NEXT, "\11\0", 2);
	assert_true(has_var(&b, EFIVAR_GLOBAL("Boot0009")));
	assert_int_equal(c->remove(&b.a, "../../etc", &err), -EINVAL);
	/* Started another way this time: the files go all the same. */
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	assert_int_equal(fs_remove_tree(b.fd, "sys/firmware/efi"), 0);
	assert_int_equal(c->remove(&b.a, s.id, &err), 0);
	assert_false(fs_exists(b.fd, SLOT));
	slot_drop(&s);
	board_fini(&b);
}

/* A store that takes no more, as a file system that is full. */
static void says_what_to_delete_when_the_store_is_full(void **state)
{
	_free_ char *vars = NULL;
	struct kf_error err = {0};
	uint8_t fill[4096] = {1};
	struct board b;
	struct slot s;
	int fd;

	(void)state;
	efi_board(&b);
	slot_make(&b, &s, "MZ kernel");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	assert_true(asprintf(&vars, "%s/" VARS, b.path) > 0);
	if (!test_mount("none", vars, "tmpfs", 0, "size=32k")) {
		slot_drop(&s);
		board_fini(&b);
		skip();
	}
	put_efivar(&b, ORDER, EFIVAR_NV_BS_RT, "\0\0", 2);
	put_efivar(&b, "dump-type0-1-1-1-C-cfc8fc79-be2e-4ddc-97f0-9f98bfe298a0",
		   EFIVAR_NV_BS_RT, "x", 1);
	fd = fs_open_beneath(b.fd, VARS "fill", O_WRONLY | O_CREAT, 0644);
	assert_true(fd >= 0);
	while (write(fd, fill, sizeof(fill)) > 0)
		;
	close(fd);
	assert_int_equal(c->arm(&b.a, s.id, &err), -ENOSPC);
	assert_non_null(strstr(err.msg, "/sys/fs/pstore (1 of them"));
	assert_false(has_var(&b, NEXT));
	assert_false(has_var(&b, OURS));
	assert_var(&b, ORDER, "\0\0", 2);
	assert_int_equal(umount2(vars, MNT_DETACH), 0);
	slot_drop(&s);
	board_fini(&b);
}

static void finds_the_running_initrd(void **state)
{
	_free_ char *path = NULL;
	struct board b;

	(void)state;
	efi_board(&b);
	assert_int_equal(c->running_initrd(&b.a, &path), -ENOENT);
	put_efivar(&b, EFIVAR_GLOBAL("BootCurrent"), EFIVAR_NV_BS_RT, "\5\0", 2);
	put_text(&b, ESP "arch/initramfs.img", "x");
	put_entry(&b, EFIVAR_GLOBAL("Boot0005"), "\\arch\\vmlinuz",
		  "initrd=\\ucode.img root=/dev/sda2 initrd=\\arch\\initramfs.img rw");
	assert_int_equal(c->running_initrd(&b.a, &path), 0);
	assert_string_equal(path, "/boot/efi/arch/initramfs.img");
	cleanup_free(&path);
	path = NULL;
	put_entry(&b, EFIVAR_GLOBAL("Boot0005"), "\\arch\\vmlinuz",
		  "initrd=\\..\\..\\etc\\shadow");
	assert_int_equal(c->running_initrd(&b.a, &path), -ENOENT);
	board_fini(&b);
}

static void names_partitions_of_other_disks(void **state)
{
	_loadopt_ struct loadopt o = {0}, mbr = {0};
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	efi_board(&b);
	slot_make(&b, &s, "MZ kernel");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	/* 4 KiB sectors, and a kernel that tells the id itself. */
	put_text(&b, "sys/dev/block/queue/logical_block_size", "4096\n");
	assert_int_equal(unlinkat(b.fd, UDEV, 0), 0);
	put_text(&b, "sys/dev/block/8:1/uevent", "MAJOR=8\nPARTUUID=" PART_UUID "\n");
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	get_entry(&b, OURS, &o);
	assert_int_equal(o.partition.start, 256);
	assert_int_equal(o.partition.size, 16384);
	assert_memory_equal(o.partition.id, guid, 16);
	put_text(&b, UDEV,
		 "E:ID_PART_ENTRY_UUID=1a2b3c4d-01\nE:ID_PART_ENTRY_TYPE=0xef\n");
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	get_entry(&b, OURS, &mbr);
	assert_false(mbr.partition.gpt);
	assert_memory_equal(mbr.partition.id, "\x4d\x3c\x2b\x1a\0\0", 6);
	slot_drop(&s);
	board_fini(&b);
}

/* No udev, and a kernel that does not tell: the id is read from the disk. */
static void reads_the_id_from_the_disk(void **state)
{
	_loadopt_ struct loadopt o = {0};
	struct kf_error err = {0};
	uint8_t mbr[512] = {0};
	struct board b;
	struct slot s;

	(void)state;
	efi_board(&b);
	slot_make(&b, &s, "MZ kernel");
	assert_int_equal(unlinkat(b.fd, UDEV, 0), 0);
	put_text(&b, "sys/dev/block/uevent", "MAJOR=8\nDEVNAME=sda\n");
	memcpy(mbr + 440, "\x4d\x3c\x2b\x1a", 4);
	memcpy(mbr + 446 + 4, "\xef\0\0\0\0\x08\0\0\0\0\x02\0", 12);
	memcpy(mbr + 510, "\x55\xaa", 2);
	put_bytes(&b, "dev/sda", mbr, sizeof(mbr));
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	assert_int_equal(c->read_back(&b.a, s.id, &err), 0);
	get_entry(&b, OURS, &o);
	assert_false(o.partition.gpt);
	assert_memory_equal(o.partition.id, "\x4d\x3c\x2b\x1a\0\0", 6);
	slot_drop(&s);
	board_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probes_a_good_board),
		cmocka_unit_test(refuses_boards_without),
		cmocka_unit_test(arms_once_and_disarms),
		cmocka_unit_test(leaves_others_alone),
		cmocka_unit_test(stages_again),
		cmocka_unit_test(refuses_bad_images),
		cmocka_unit_test(commits_and_goes_back),
		cmocka_unit_test(removes_all_of_a_slot),
		cmocka_unit_test(says_what_to_delete_when_the_store_is_full),
		cmocka_unit_test(finds_the_running_initrd),
		cmocka_unit_test(names_partitions_of_other_disks),
		cmocka_unit_test(reads_the_id_from_the_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
