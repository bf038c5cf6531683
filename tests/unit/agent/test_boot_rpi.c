/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Raspberry Pi on a scratch board: plain files for the FAT, the device tree and the
 * mailbox.  What the firmware makes of them is documented behaviour, not tried here. */
#include "agent/boot/boot.h"
#include "proto/reason.h"
#include "tests/lib/board.h"

#define FAT   "boot/firmware/"
#define OURS  FAT "kferry/" TEST_SLOT "/"
#define DT    "proc/device-tree/"
#define IMAGE "0123456789012345678901234567890123456789012345678901234\nARM\x64 kernel"
#define CONFIG                                                                           \
	"dtparam=audio=on\nauto_initramfs=1\n[pi4]\narm_boost=1\n[all]\nenable_uart=1\n"
#define MOUNTS                                                                           \
	"25 1 179:2 / / rw - ext4 /dev/mmcblk0p2 rw\n"                                   \
	"31 25 179:1 / /boot/firmware rw - vfat /dev/mmcblk0p1 rw\n"
/* 2024-04-15 and 2022-04-26, in seconds, big endian */
#define NEW_LOADER "\x66\x1c\x70\x00"
#define OLD_LOADER "\x62\x67\x3a\x80"

static const struct boot_chain *const c = &boot_rpi;

static void rpi_board(struct board *b)
{
	board_init(b);
	put_text(b, "proc/self/mountinfo", MOUNTS);
	put_bytes(b, DT "compatible", "raspberrypi,4-model-b\0brcm,bcm2711", 35);
	put_bytes(b, DT "chosen/bootloader/build-timestamp", NEW_LOADER, 4);
	put_text(b, FAT "config.txt", CONFIG);
	put_text(b, FAT "start4.elf", "elf");
	put_text(b, FAT "kernel8.img", "old kernel");
	put_text(b, FAT "initramfs8", "old initramfs");
	put_text(b, FAT "bcm2711-rpi-4-b.dtb", "old dtb");
	put_text(b, "dev/vcio", "0\n");
}

static void rpi_slot(struct board *b, struct slot *s)
{
	_buf_ struct buf sorted = BUF_INIT;
	struct kf_error err = {0};

	slot_make(b, s, IMAGE);
	slot_set_arch(s, "arm64");
	slot_add(b, s, "dtbs/broadcom/bcm2711-rpi-4-b.dtb", "new dtb");
	slot_add(b, s, "dtbs/broadcom/bcm2837-rpi-3-b.dtb", "another board's");
	slot_add(b, s, "dtbs/other/bcm2711-x.dtb", "another vendor's");
	slot_add(b, s, "overlays/disable-bt.dtbo", "overlay");
	assert_int_equal(manifest_emit(&s->manifest, &sorted, &err), 0);
}

static void probes_a_good_board(void **state)
{
	struct kf_error err = {0};
	char note[256] = "";
	uint64_t space = 0;
	struct board b;

	(void)state;
	rpi_board(&b);
	assert_int_equal(c->probe(&b.a, note, &err), 0);
	assert_string_equal(note, "tryboot through /dev/vcio, boot loader of 2024-04-15, "
				  "files in /boot/firmware");
	assert_int_equal(c->space(&b.a, &space, &err), 0);
	assert_true(space > 0);
	put_text(&b, "etc/kernel/postinst.d/z50-raspi-firmware", "");
	assert_int_equal(c->probe(&b.a, note, &err), 0);
	assert_non_null(strstr(note, "raspi-firmware"));
	board_fini(&b);
}

static void a_fat_that_is_no_directory_hides_no_other(void **state)
{
	struct kf_error err = {0};
	char note[256] = "";
	struct board b;

	(void)state;
	rpi_board(&b);
	put_text(&b, "proc/self/mountinfo",
		 "32 25 65:145 / /dev/vcio rw - vfat /dev/sdz1 rw\n" MOUNTS);
	assert_int_equal(c->probe(&b.a, note, &err), 0);
	assert_non_null(strstr(note, "files in /boot/firmware"));
	board_fini(&b);
}

static void refuses_boards_that_cannot_tryboot(void **state)
{
	struct board b;

	(void)state;
	rpi_board(&b);
	put_bytes(&b, DT "chosen/bootloader/build-timestamp", OLD_LOADER, 4);
	chain_refuses(c, &b, -ENOTSUP, "is of 2022-04-26");
	assert_int_equal(fs_remove_tree(b.fd, DT "chosen"), 0);
	chain_refuses(c, &b, -ENOTSUP, "rpi-eeprom-update");
	put_bytes(&b, DT "chosen/bootloader/build-timestamp", NEW_LOADER, 4);
	put_bytes(&b, DT "compatible", "raspberrypi,3-model-b\0brcm,bcm2837", 35);
	chain_refuses(c, &b, -ENOTSUP, "raspberrypi,3-model-b is not");
	assert_int_equal(fs_remove_tree(b.fd, DT "compatible"), 0);
	chain_refuses(c, &b, -ENOTSUP, "not a Raspberry Pi");
	board_fini(&b);
}

static void refuses_kernels_that_cannot_arm(void **state)
{
	struct kf_error err = {0};
	char note[256];
	struct board b;

	(void)state;
	rpi_board(&b);
	assert_int_equal(fs_remove_tree(b.fd, "dev/vcio"), 0);
	chain_refuses(c, &b, -ENOTSUP, "CONFIG_BCM_VCIO");
	/* A mainline kernel has the driver, but not its reboot notifier. */
	put_text(&b, "proc/kallsyms", "0000 t rpi_firmware_shutdown\n");
	assert_int_equal(fs_mkdirs(b.fd, "run/systemd/system"), 0);
	chain_refuses(c, &b, -ENOTSUP, "CONFIG_BCM_VCIO");
	put_text(&b, "proc/kallsyms",
		 "0000 t rpi_firmware_shutdown\n0000 t rpi_firmware_notify_reboot\n");
	assert_int_equal(c->probe(&b.a, note, &err), 0);
	assert_non_null(strstr(note, "the reboot's argument"));
	board_fini(&b);
}

static void a_file_for_the_mailbox_is_the_models_only(void **state)
{
	struct kf_error err = {0};
	char note[256];
	struct board b;

	(void)state;
	rpi_board(&b);
	b.a.scratch = false;
	chain_refuses(c, &b, -ENOTSUP, "it has no /dev/vcio");
	put_bytes(&b, DT "compatible", "kferry,rpi-models\0linux,dummy-virt", 35);
	chain_refuses(c, &b, -ENOTSUP, "is not a Raspberry Pi");
	put_bytes(&b, DT "compatible", "kferry,rpi-model\0linux,dummy-virt", 34);
	assert_int_equal(c->probe(&b.a, note, &err), 0);
	/* A real one, whatever else its device tree says. */
	put_bytes(&b, DT "compatible", "raspberrypi,4-model-b\0kferry,rpi-model", 39);
	chain_refuses(c, &b, -ENOTSUP, "it has no /dev/vcio");
	put_bytes(&b, DT "compatible", "kferry,rpi-model\0raspberrypi,3-model-b", 39);
	chain_refuses(c, &b, -ENOTSUP, "it has no /dev/vcio");
	board_fini(&b);
}

static void refuses_fats_that_are_not_fit(void **state)
{
	struct board b;

	(void)state;
	rpi_board(&b);
	put_text(&b, "dev/kmsg",
		 "6,1,2,-;FAT-fs (mmcblk0p1): Volume was not properly unmounted. Some\n");
	chain_refuses(c, &b, -EUCLEAN, "fsck.vfat");
	put_text(&b, "dev/kmsg",
		 "6,1,2,-;FAT-fs (sda1): Volume was not properly unmounted. Some\n");
	put_text(&b, "proc/self/mountinfo",
		 "33 25 179:1 / /boot/firmware ro - vfat /dev/mmcblk0p1 ro\n");
	chain_refuses(c, &b, -EROFS, "remount,rw /boot/firmware");
	put_text(&b, "proc/self/mountinfo",
		 "25 1 179:2 / / rw - ext4 /dev/mmcblk0p2 rw\n");
	chain_refuses(c, &b, -ENOENT, "mount the partition");
	board_fini(&b);
}

static void refuses_who_else_uses_tryboot(void **state)
{
	struct board b;

	(void)state;
	rpi_board(&b);
	put_text(&b, FAT "autoboot.txt", "[all]\ntryboot_a_b=1\nboot_partition=2\n");
	chain_refuses(c, &b, -ENOTSUP, "tryboot_a_b");
	assert_int_equal(fs_remove_tree(b.fd, FAT "autoboot.txt"), 0);
	put_text(&b, FAT "tryboot.txt", "kernel=other\n");
	chain_refuses(c, &b, -ENOTSUP, "somebody else's");
	assert_int_equal(fs_remove_tree(b.fd, FAT "tryboot.txt"), 0);
	put_text(&b, FAT "config.txt", "boot_ramdisk=1\n");
	chain_refuses(c, &b, -ENOTSUP, "boot.img");
	put_text(&b, FAT "config.txt", "os_prefix=current/\n[tryboot]\nos_prefix=new/\n");
	put_text(&b, FAT "current/state", "good");
	chain_refuses(c, &b, -ENOTSUP, "flash-kernel-piboot");
	put_bytes(&b, DT "system/linux,revision", "\x00\xc0\x31\x11", 4);
	put_text(&b, FAT "config.txt", "eeprom_write_protect=1\n");
	chain_refuses(c, &b, -ENOTSUP, "eeprom_write_protect");
	put_text(&b, FAT "config.txt", "# kferry: begin\nkernel=x\n");
	chain_refuses(c, &b, -EBADMSG, "damaged");
	assert_int_equal(renameat(b.fd, FAT "config.txt", b.fd, FAT "config.txt.good"),
			 0);
	chain_refuses(c, &b, -ENOENT, "copy config.txt.good");
	board_fini(&b);
}

static void stages_arms_and_disarms(void **state)
{
	_free_ char *tryboot = NULL;
	_close_ int initrd = -1;
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	rpi_board(&b);
	rpi_slot(&b, &s);
	initrd = initrd_of(&b, "the new initramfs");
	assert_int_equal(c->arm(&b.a, s.id, &err), -ENOENT);
	assert_int_equal(c->stage(&b.a, &s, initrd, &err), 0);
	assert_file(&b, OURS "kernel8.img", IMAGE);
	assert_file(&b, OURS "initramfs8", "the new initramfs");
	assert_file(&b, OURS "bcm2711-rpi-4-b.dtb", "new dtb");
	assert_file(&b, OURS "overlays/disable-bt.dtbo", "overlay");
	/* Or the firmware would take the shared overlays. */
	assert_true(fs_exists(b.fd, OURS "overlays/README"));
	assert_false(fs_exists(b.fd, OURS "bcm2837-rpi-3-b.dtb"));
	assert_false(fs_exists(b.fd, OURS "bcm2711-x.dtb"));
	assert_file(&b, OURS "cmdline.txt",
		    "root=/dev/vda2 panic=10 kferry.slot=" TEST_SLOT
		    " watchdog_disarm=0\n");
	assert_int_equal(c->read_back(&b.a, s.id, &err), -ENODATA);
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	tryboot = get_text(&b, FAT "tryboot.txt");
	assert_non_null(tryboot);
	assert_int_equal(strncmp(tryboot, CONFIG, strlen(CONFIG)), 0);
	assert_non_null(strstr(tryboot, "\n[all]\nos_prefix=kferry/" TEST_SLOT "/\n"));
	assert_file(&b, "dev/vcio", "1\n");
	assert_int_equal(c->read_back(&b.a, s.id, &err), 0);
	assert_int_equal(c->read_back(&b.a, "k-00000000", &err), -ENOENT);
	assert_file(&b, FAT "config.txt", CONFIG);
	/* The firmware clears the flag before it starts anything. */
	put_text(&b, "dev/vcio", "0\n");
	assert_int_equal(c->read_back(&b.a, s.id, &err), -ENODATA);
	/* Also when nothing could be armed any more. */
	put_text(&b, FAT "config.txt", "include theirs.txt\n");
	put_text(&b, FAT "theirs.txt", "os_prefix=theirs/\n");
	assert_int_equal(c->read_back(&b.a, s.id, &err), -ENODATA);
	put_text(&b, FAT "config.txt", CONFIG);
	put_text(&b, "dev/vcio", "1\n");
	assert_int_equal(c->disarm(&b.a, &err), 0);
	assert_file(&b, "dev/vcio", "0\n");
	assert_false(fs_exists(b.fd, FAT "tryboot.txt"));
	assert_int_equal(c->disarm(&b.a, &err), 0);
	/* Somebody else's flag is not ours to clear. */
	put_text(&b, FAT "tryboot.txt", "kernel=other\n");
	put_text(&b, "dev/vcio", "1\n");
	assert_int_equal(c->disarm(&b.a, &err), 0);
	assert_file(&b, "dev/vcio", "1\n");
	assert_true(fs_exists(b.fd, FAT "tryboot.txt"));
	slot_drop(&s);
	board_fini(&b);
}

static void refuses_a_prefix_that_is_not_viable(void **state)
{
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	rpi_board(&b);
	rpi_slot(&b, &s);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	put_text(&b, FAT "config.txt", "device_tree=mine.dtb\n");
	assert_int_equal(c->arm(&b.a, s.id, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "mine.dtb"));
	put_text(&b, FAT "config.txt", "include more.txt\n");
	put_text(&b, FAT "more.txt", "initramfs other followkernel\n");
	assert_int_equal(c->arm(&b.a, s.id, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "more.txt"));
	put_text(&b, FAT "more.txt", "dtparam=i2c\n");
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	/* Which of two holds is the filters' to say; '/' leaves the prefix out. */
	put_text(&b, FAT "config.txt",
		 "device_tree=mine.dtb\n[pi5]\ndevice_tree=bcm2711-rpi-4-b.dtb\n");
	assert_int_equal(c->arm(&b.a, s.id, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "mine.dtb"));
	put_text(&b, FAT "config.txt", "device_tree=/bcm2711-rpi-4-b.dtb\n");
	assert_int_equal(c->arm(&b.a, s.id, &err), -ENOENT);
	put_text(&b, FAT "config.txt", "device_tree=bcm2711-rpi-4-b.dtb\n");
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	put_text(&b, FAT "config.txt", CONFIG);
	assert_int_equal(fs_remove_tree(b.fd, OURS "bcm2711-rpi-4-b.dtb"), 0);
	assert_int_equal(c->arm(&b.a, s.id, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "pass over"));
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	assert_int_equal(fs_remove_tree(b.fd, OURS "kernel8.img"), 0);
	assert_int_equal(c->arm(&b.a, s.id, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "not complete"));
	slot_drop(&s);
	board_fini(&b);
}

static void refuses_includes_that_decide_what_starts(void **state)
{
	static const char *const lines[] = {
		"device_tree=mine.dtb\n",  "ramfsaddr=0x2000000\n",    "ramfsfile=x\n",
		"overlay_prefix=mine/\n",  "os_prefix=new/\n",	       "boot_ramdisk=1\n",
		"[none]\ninitramfs x 1\n", "eeprom_write_protect=1\n",
	};
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	rpi_board(&b);
	rpi_slot(&b, &s);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	put_text(&b, FAT "config.txt", "[pi4]\ninclude more.txt\n");
	put_text(&b, FAT "more.txt", "dtparam=i2c\ninclude deep.txt\ninclude gone.txt\n");
	put_text(&b, FAT "deep.txt", "kernel=kernel8.img\ncmdline=x\n");
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		put_text(&b, FAT "deep.txt", lines[i]);
		chain_refuses(c, &b, -ENOTSUP, "deep.txt, which config.txt includes");
		assert_int_equal(c->arm(&b.a, s.id, &err), -ENOTSUP);
		assert_int_equal(c->commit(&b.a, s.id, &err), -ENOTSUP);
	}
	/* One that includes itself has an end, and so has one that does so twice. */
	put_text(&b, FAT "deep.txt", "include deep.txt\n");
	chain_refuses(c, &b, -ENOTSUP, "too many files");
	put_text(&b, FAT "deep.txt", "include deep.txt\ninclude deep.txt\n");
	chain_refuses(c, &b, -ENOTSUP, "too many files");
	put_text(&b, FAT "more.txt",
		 "include gone1\ninclude gone2\ninclude ../dev/vcio\n");
	chain_refuses(c, &b, -EXDEV, "../dev/vcio");
	slot_drop(&s);
	board_fini(&b);
}

static void looks_at_every_occurrence(void **state)
{
	struct board b;

	(void)state;
	rpi_board(&b);
	put_text(&b, FAT "config.txt", "boot_ramdisk=1\n[cm4]\nboot_ramdisk=0\n");
	chain_refuses(c, &b, -ENOTSUP, "boot.img");
	put_text(&b, FAT "config.txt",
		 "os_prefix=current/\n[tryboot]\nos_prefix=new/\n[cm4]\nos_prefix=x/\n");
	put_text(&b, FAT "current/state", "good");
	chain_refuses(c, &b, -ENOTSUP, "flash-kernel-piboot");
	put_bytes(&b, DT "system/linux,revision", "\x00\xc0\x31\x11", 4);
	put_text(&b, FAT "config.txt",
		 "eeprom_write_protect=1\n[cm4]\neeprom_write_protect=0\n");
	chain_refuses(c, &b, -ENOTSUP, "eeprom_write_protect");
	board_fini(&b);
}

static void refuses_slots_that_the_firmware_cannot_start(void **state)
{
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	rpi_board(&b);
	slot_make(&b, &s, "MZ\0\0zimg a zboot kernel");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), -EINVAL);
	assert_int_equal(err.reason, KF_REASON_ARCH);
	slot_set_arch(&s, "arm64");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "build.dtbs"));
	slot_add(&b, &s, "dtbs/bcm2711-rpi-4-b.dtb", "dtb");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), -ENOEXEC);
	assert_non_null(strstr(err.msg, "ZBOOT"));
	assert_false(fs_exists(b.fd, FAT "kferry"));
	slot_drop(&s);
	board_fini(&b);
}

static void damage_is_repaired_entry_last(void **state)
{
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	rpi_board(&b);
	rpi_slot(&b, &s);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	put_text(&b, OURS "kernel8.img", "torn");
	put_text(&b, OURS FS_TMP_PREFIX "kernel8.img", "half");
	/* The image in the slot is damaged as well: nothing may look complete. */
	put_text(&b, "var/lib/kferry/slots/" TEST_SLOT "/boot/image",
		 "\x1f\x8b not what was promised");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), -EBADMSG);
	assert_false(fs_exists(b.fd, OURS "cmdline.txt"));
	assert_int_equal(c->arm(&b.a, s.id, &err), -ENOENT);
	put_text(&b, "var/lib/kferry/slots/" TEST_SLOT "/boot/image", IMAGE);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	assert_file(&b, OURS "kernel8.img", IMAGE);
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	slot_drop(&s);
	board_fini(&b);
}

static void commits_and_goes_back(void **state)
{
	_free_ char *config = NULL, *edited = NULL;
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	rpi_board(&b);
	rpi_slot(&b, &s);
	assert_int_equal(c->commit(&b.a, s.id, &err), -ENOENT);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	assert_int_equal(c->commit(&b.a, FOREIGN, &err), 0);
	assert_file(&b, FAT "config.txt", CONFIG);
	assert_int_equal(c->commit(&b.a, s.id, &err), 0);
	assert_int_equal(c->commit(&b.a, s.id, &err), 0);
	assert_file(&b, FAT "config.txt.good", CONFIG);
	config = get_text(&b, FAT "config.txt");
	assert_non_null(strstr(config, "os_prefix=kferry/" TEST_SLOT "/\n"));
	assert_null(strstr(config, "kernel_watchdog_timeout"));
	/* What the user changes meanwhile stays. */
	assert_true(asprintf(&edited, "%sdtoverlay=x\n", config) > 0);
	put_text(&b, FAT "config.txt", edited);
	assert_int_equal(c->commit(&b.a, FOREIGN, &err), 0);
	assert_file(&b, FAT "config.txt", CONFIG "dtoverlay=x\n");
	/* The write that removes the old name first was cut off. */
	assert_int_equal(fs_remove_tree(b.fd, FAT "config.txt"), 0);
	assert_int_equal(c->commit(&b.a, s.id, &err), -ENOENT);
	assert_int_equal(c->commit(&b.a, FOREIGN, &err), 0);
	assert_file(&b, FAT "config.txt", CONFIG);
	/* The last slot takes the copy along, but not one that says something else. */
	put_text(&b, FAT "config.txt", CONFIG "dtoverlay=x\n");
	assert_int_equal(c->remove(&b.a, s.id, &err), 0);
	assert_file(&b, FAT "config.txt.good", CONFIG);
	put_text(&b, FAT "config.txt", CONFIG);
	assert_int_equal(c->remove(&b.a, s.id, &err), 0);
	assert_false(fs_exists(b.fd, FAT "config.txt.good"));
	assert_file(&b, FAT "config.txt", CONFIG);
	slot_drop(&s);
	board_fini(&b);
}

static void a_tryboot_that_cannot_be_read_is_not_disarmed(void **state)
{
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	rpi_board(&b);
	rpi_slot(&b, &s);
	assert_int_equal(symlinkat("tryboot.txt", b.fd, FAT "tryboot.txt"),
			 0); /* ELOOP */
	assert_true(c->disarm(&b.a, &err) < 0);
	slot_drop(&s);
	board_fini(&b);
}

/* A power cut may leave the new name without its content. */
static void an_empty_tryboot_is_nobodys(void **state)
{
	struct kf_error err = {0};
	char note[256];
	struct board b;
	struct slot s;

	(void)state;
	rpi_board(&b);
	rpi_slot(&b, &s);
	put_text(&b, FAT "tryboot.txt", "");
	assert_int_equal(c->probe(&b.a, note, &err), 0);
	assert_int_equal(c->disarm(&b.a, &err), 0);
	assert_false(fs_exists(b.fd, FAT "tryboot.txt"));
	/* A flag without a file is not ours. */
	put_text(&b, "dev/vcio", "1\n");
	assert_int_equal(c->disarm(&b.a, &err), 0);
	assert_file(&b, "dev/vcio", "1\n");
	put_text(&b, FAT "tryboot.txt", "");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	assert_int_equal(c->read_back(&b.a, s.id, &err), 0);
	slot_drop(&s);
	board_fini(&b);
}

static void does_not_commit_where_config_is_generated(void **state)
{
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	rpi_board(&b);
	rpi_slot(&b, &s);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	put_text(&b, "etc/kernel/postinst.d/z50-raspi-firmware", "");
	assert_int_equal(c->commit(&b.a, s.id, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "/etc/default/raspi-firmware-custom"));
	assert_file(&b, FAT "config.txt", CONFIG);
	assert_int_equal(c->commit(&b.a, FOREIGN, &err), 0);
	slot_drop(&s);
	board_fini(&b);
}

static void removes_all_of_a_slot(void **state)
{
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	rpi_board(&b);
	rpi_slot(&b, &s);
	assert_int_equal(c->remove(&b.a, s.id, &err), 0);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	assert_int_equal(c->commit(&b.a, s.id, &err), 0);
	assert_int_equal(c->remove(&b.a, s.id, &err), 0);
	assert_false(fs_exists(b.fd, FAT "kferry"));
	assert_false(fs_exists(b.fd, FAT "tryboot.txt"));
	assert_file(&b, "dev/vcio", "0\n");
	assert_file(&b, FAT "config.txt", CONFIG);
	assert_file(&b, FAT "kernel8.img", "old kernel");
	assert_int_equal(c->remove(&b.a, "../../etc", &err), -EINVAL);
	slot_drop(&s);
	board_fini(&b);
}

static void arms_through_the_reboot_argument(void **state)
{
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	rpi_board(&b);
	rpi_slot(&b, &s);
	assert_int_equal(fs_remove_tree(b.fd, "dev/vcio"), 0);
	put_text(&b, "proc/kallsyms", "0 t rpi_firmware_notify_reboot\n");
	assert_int_equal(fs_mkdirs(b.fd, "run/systemd/system"), 0);
	assert_int_equal(fs_mkdirs(b.fd, "run/kferry"), 0);
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	assert_file(&b, "run/systemd/reboot-param", "0 tryboot\n");
	assert_int_equal(c->read_back(&b.a, s.id, &err), 0);
	assert_int_equal(c->disarm(&b.a, &err), 0);
	assert_false(fs_exists(b.fd, "run/systemd/reboot-param"));
	slot_drop(&s);
	board_fini(&b);
}

/* The firmware, the kernel and the agent all have to take part. */
static void starts_the_watchdog_before_the_kernel(void **state)
{
	static const char config[] = "var/lib/kferry/slots/" TEST_SLOT "/boot/config";
	_free_ char *without = NULL, *with = NULL, *none = NULL;
	struct kf_error err = {0};
	struct board b;
	struct slot s;

	(void)state;
	rpi_board(&b);
	rpi_slot(&b, &s);
	put_bytes(&b, DT "chosen/bootloader/build-timestamp", "\x68\xa0\x00\x00", 4);
	put_text(&b, FAT "start4.elf", "xx kernel_watchdog_timeout xx");
	assert_int_equal(c->stage(&b.a, &s, -1, &err), 0);
	put_text(&b, config, "CONFIG_BCM2835_WDT=m\n");
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	without = get_text(&b, FAT "tryboot.txt");
	assert_null(strstr(without, "kernel_watchdog_timeout"));
	put_text(&b, config, "CONFIG_BCM2835_WDT=y\n");
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	with = get_text(&b, FAT "tryboot.txt");
	assert_non_null(strstr(with, "kernel_watchdog_timeout=60\n"));
	b.a.conf.watchdog = (char *)"none";
	assert_int_equal(c->arm(&b.a, s.id, &err), 0);
	none = get_text(&b, FAT "tryboot.txt");
	assert_null(strstr(none, "kernel_watchdog_timeout"));
	slot_drop(&s);
	board_fini(&b);
}

static void finds_the_running_initrd(void **state)
{
	struct board b;

	(void)state;
	rpi_board(&b);
	chain_initrd_is(c, &b, "/boot/firmware/initramfs8");
	put_text(&b, FAT "initrd.img-6.1", "x");
	put_text(&b, FAT "config.txt", "initramfs initrd.img-6.1\n");
	chain_initrd_is(c, &b, "/boot/firmware/initrd.img-6.1");
	put_text(&b, FAT "config.txt", "[gpio3=1]\ninitramfs initrd.img-6.1\n");
	chain_initrd_is(c, &b, NULL);
	put_text(&b, FAT "config.txt", "initramfs ../../etc/shadow\n");
	chain_initrd_is(c, &b, NULL);
	put_text(&b, FAT "config.txt", "kernel=x\n");
	chain_initrd_is(c, &b, NULL);
	put_text(&b, OURS "initramfs8", "x");
	snprintf(b.a.boot.slot, sizeof(b.a.boot.slot), TEST_SLOT);
	chain_initrd_is(c, &b, "/boot/firmware/kferry/" TEST_SLOT "/initramfs8");
	board_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probes_a_good_board),
		cmocka_unit_test(a_fat_that_is_no_directory_hides_no_other),
		cmocka_unit_test(refuses_boards_that_cannot_tryboot),
		cmocka_unit_test(refuses_kernels_that_cannot_arm),
		cmocka_unit_test(a_file_for_the_mailbox_is_the_models_only),
		cmocka_unit_test(refuses_fats_that_are_not_fit),
		cmocka_unit_test(refuses_who_else_uses_tryboot),
		cmocka_unit_test(stages_arms_and_disarms),
		cmocka_unit_test(refuses_a_prefix_that_is_not_viable),
		cmocka_unit_test(refuses_includes_that_decide_what_starts),
		cmocka_unit_test(looks_at_every_occurrence),
		cmocka_unit_test(refuses_slots_that_the_firmware_cannot_start),
		cmocka_unit_test(damage_is_repaired_entry_last),
		cmocka_unit_test(commits_and_goes_back),
		cmocka_unit_test(a_tryboot_that_cannot_be_read_is_not_disarmed),
		cmocka_unit_test(an_empty_tryboot_is_nobodys),
		cmocka_unit_test(does_not_commit_where_config_is_generated),
		cmocka_unit_test(removes_all_of_a_slot),
		cmocka_unit_test(arms_through_the_reboot_argument),
		cmocka_unit_test(starts_the_watchdog_before_the_kernel),
		cmocka_unit_test(finds_the_running_initrd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
