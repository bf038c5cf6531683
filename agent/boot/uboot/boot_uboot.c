/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * U-Boot: a script on the FAT that U-Boot runs before it comes to the board's own
 * extlinux.conf, which is never changed.
 *
 *	boot.scr             written when the first slot is staged, removed with the last
 *	kferry/<slot>/       image, initrd, dtbs/, and extlinux.conf, the entry
 *	kferry/trial.conf    a copy of the armed slot's extlinux.conf
 *	kferry/once          the flag: the slot's id.  The script deletes it first.
 *	kferry/good.conf     a copy of the default slot's; absent: the board's own kernel
 *
 * arm() writes trial.conf and then the flag; without the flag trial.conf is not looked
 * at.  Before that U-Boot is told to count boots, where it does that (bootcount.h).
 */
#include <fcntl.h>
#include <string.h>

#include "agent/boot/boot.h"
#include "agent/boot/fatslot.h"
#include "agent/boot/uboot/bootcount.h"
#include "agent/boot/uboot/bootscr.h"
#include "agent/boot/uboot/extlinux.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define SCRIPT	 "boot.scr"
#define BEFORE	 "boot.scr.uimg" /* boot_scripts, SCRIPT_FNAME1 of bootmeth_script.c */
#define ENTRY	 "extlinux.conf"
#define OWN_CONF "extlinux/extlinux.conf"
#define DTBS	 "dtbs/"
#define ID_MAX	 16 /* bytes of the flag file */

/* Everything that U-Boot looks for in the root of a partition before or as boot.scr. */
static int is_fat_of_ours(int fd)
{
	int r = fatdir_has(fd, SCRIPT);

	if (r == 0)
		r = fatdir_has(fd, FATSLOT_OURS);
	if (r != 0)
		return r;
	r = fatdir_has(fd, "config.txt");
	return r < 0 ? r : !r;
}

static int uboot_open(const struct agent *a, struct fatdir *ret, struct kf_error *err)
{
	int r = fatdir_find(a, is_fat_of_ours, ret);

	if (r < 0 && r != -ENOENT)
		return kf_err(
			err, r, KF_REASON_IO,
			"look for the vfat of U-Boot's script among the mounts: %m");
	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "no vfat is mounted that could hold U-Boot's script: mount "
			      "the first partition that U-Boot searches, or set boot_dir "
			      "in agent.conf");
	return 0;
}

static bool has(const struct agent *a, const char *path)
{
	_free_ char *full = agent_path(a, path);

	return full && fs_exists(AT_FDCWD, full);
}

/* 1: ours; 0: there is none; -EEXIST: somebody else's.  An empty one starts nothing, and
 * a power cut may leave that of ours: it is replaced and removed like ours. */
static int script_is_ours(const struct fatdir *fat)
{
	_buf_ struct buf b = BUF_INIT;
	int r = fs_read_file(fat->fd, SCRIPT, EXTLINUX_MAX, &b);

	if (r == -ENOENT)
		return 0;
	if (r == -EFBIG)
		return -EEXIST;
	if (r < 0)
		return r;
	return !buf_len(&b) || bootscr_is_ours(buf_data(&b), buf_len(&b)) ? 1 : -EEXIST;
}

/* U-Boot reads /extlinux/extlinux.conf of a partition, and then /boot.scr.uimg, before
 * its /boot.scr. */
static int check_order(const struct fatdir *fat, struct kf_error *err)
{
	int r;

	if (fs_exists(fat->fd, OWN_CONF))
		return kf_err(
			err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			"U-Boot would read %s/" OWN_CONF " before the script that "
			"boots once: move the directory to %s/boot/extlinux, see "
			"that the board still boots (docs/boards/uboot-extlinux.md), "
			"and try again",
			fat->path, fat->path);
	if (fs_exists(fat->fd, BEFORE))
		return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			      "U-Boot would run %s/" BEFORE " before the script that "
			      "boots once: if the board boots without it, move it away "
			      "and try again; else use the chain hook",
			      fat->path);
	r = script_is_ours(fat);
	if (r == -EEXIST)
		return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			      "%s/" SCRIPT " is the board's own way to boot: kferry only "
			      "works beside an extlinux.conf; use the chain hook",
			      fat->path);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "read %s/" SCRIPT ": %m", fat->path);
	return 0;
}

static const char *own_conf(const struct agent *a, const struct fatdir *fat)
{
	static const char *const places[] = {"/boot/" OWN_CONF, "/" OWN_CONF};

	if (fs_exists(fat->fd, "boot/" OWN_CONF))
		return "boot/" OWN_CONF;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (has(a, places[i]))
			return places[i];
	return NULL;
}

static int check_with(const struct agent *a, const struct fatdir *fat,
		      const struct bootcount *count, struct kf_error *err)
{
	int r = check_order(fat, err);

	if (r == 0)
		r = bootcount_check(count, err);
	if (r < 0)
		return r;
	if (!own_conf(a, fat))
		return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			      "this board has no extlinux.conf to fall back to (neither "
			      "in /boot/extlinux nor in %s/boot/extlinux)",
			      fat->path);
	return fatdir_check(a, fat, err);
}

static int check(const struct agent *a, const struct fatdir *fat, struct kf_error *err)
{
	struct bootcount count;
	int r = bootcount_read(a, &count, err);

	return r < 0 ? r : check_with(a, fat, &count, err);
}

static int uboot_probe(const struct agent *a, char note[256], struct kf_error *err)
{
	_fatdir_ struct fatdir fat = {.fd = -1};
	struct bootcount count;
	int r;

	if (has(a, "/sys/firmware/efi"))
		return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			      "this board was started through UEFI, not through "
			      "extlinux.conf");
	if (!has(a, "/proc/device-tree/chosen"))
		return kf_err(
			err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			"this board has no device tree, so U-Boot did not start it");
	r = uboot_open(a, &fat, err);
	if (r == 0)
		r = bootcount_probe(a, &count, err);
	if (r == 0)
		r = check_with(a, &fat, &count, err);
	if (r == 0)
		snprintf(note, 256, "U-Boot's boot.scr and a flag in %s%s%s", fat.path,
			 bootcount_used(&count) ? ", and its count of boots" : "",
			 has(a, "/proc/device-tree/chosen/u-boot,version")
				 ? ""
				 : " (U-Boot does not name itself, so it may be another "
				   "loader)");
	return r;
}

static int uboot_space(const struct agent *a, uint64_t *ret_free, struct kf_error *err)
{
	_fatdir_ struct fatdir fat = {.fd = -1};
	int r = uboot_open(a, &fat, err);

	if (r < 0)
		return r;
	r = fs_free_bytes(fat.fd, ret_free);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "ask %s for its free space: %m",
			      fat.path);
	return 0;
}

/* booti and bootz: doc/usage/cmd of U-Boot. */
static int check_image(const struct slot *s, struct kf_error *err)
{
	const bool arm64 = strcmp(s->manifest.arch, "arm64") == 0;
	_close_ int fd = fs_open_beneath(s->fd, s->manifest.image, O_RDONLY, 0);
	uint8_t head[64] = {0};

	if (fd < 0 || pread(fd, head, sizeof(head), 0) < 0)
		return kf_err(err, fd < 0 ? fd : -errno, KF_REASON_IO,
			      "read %s of slot %s: %m", s->manifest.image, s->id);
	if (!arm64 && strcmp(s->manifest.arch, "arm") != 0)
		return kf_err(err, -EINVAL, KF_REASON_ARCH,
			      "slot %s is for %s; known here are arm64 and arm", s->id,
			      s->manifest.arch);
	if (memcmp(head + (arm64 ? 56 : 36), arm64 ? "ARM\x64" : "\x18\x28\x6f\x01", 4) ==
	    0)
		return 0;
	return kf_err(err, -ENOEXEC, KF_REASON_BOOT_CHAIN,
		      "%s is not a kernel that U-Boot starts from extlinux.conf: send %s",
		      s->manifest.image,
		      arm64 ? "Image (not packed, without CONFIG_EFI_ZBOOT)" : "zImage");
}

static int put_dtbs(struct fatslot *f, const struct slot *s, bool *ret_any,
		    struct kf_error *err)
{
	int r = 0;

	*ret_any = false;
	for (size_t i = 0; r == 0 && i < s->manifest.n_files; i++) {
		const char *path = s->manifest.files[i].path;

		if (strncmp(path, DTBS, strlen(DTBS)) != 0)
			continue;
		*ret_any = true;
		r = fatslot_put(f, s, i, path, err);
	}
	return r;
}

static int make_entry(const struct slot *s, bool initrd, bool dtbs, struct buf *out)
{
	char image[64], initramfs[64], fdtdir[64];
	const struct extlinux e = {
		.dflt = (char *)s->id,
		.n = 1,
		.label = {{
			.name = (char *)s->id,
			.linux_path = image,
			.initrd = initrd ? initramfs : NULL,
			.fdtdir = dtbs ? fdtdir : NULL,
			.append = s->conf.cmdline,
		}},
	};

	snprintf(image, sizeof(image), "/" FATSLOT_OURS "/%s/image", s->id);
	snprintf(initramfs, sizeof(initramfs), "/" FATSLOT_OURS "/%s/initrd", s->id);
	snprintf(fdtdir, sizeof(fdtdir), "/" FATSLOT_OURS "/%s/dtbs", s->id);
	return s->conf.cmdline ? extlinux_emit(&e, out) : -EINVAL;
}

static int put_script(const struct fatdir *fat, struct kf_error *err)
{
	_buf_ struct buf script = BUF_INIT;

	if (bootscr_make(&script) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "write " SCRIPT ": %m");
	return fatfile_write(fat, SCRIPT, buf_data(&script), buf_len(&script), err);
}

static int stage(const struct fatdir *fat, const struct slot *s, int initrd_fd,
		 struct kf_error *err)
{
	_fatslot_ struct fatslot f = {.dir = -1};
	_buf_ struct buf entry = BUF_INIT;
	ssize_t image = manifest_find(&s->manifest, s->manifest.image);
	bool dtbs = false;
	int r;

	if (image < 0)
		return kf_err(err, -EINVAL, KF_REASON_MANIFEST,
			      "the manifest of %s lacks its own image", s->id);
	r = fatslot_open(fat, s->id, ENTRY, &f, err);
	if (r == 0)
		r = fatslot_put(&f, s, (size_t)image, "image", err);
	if (r == 0)
		r = fatslot_put_fd(&f, initrd_fd, "initrd", err);
	if (r == 0)
		r = put_dtbs(&f, s, &dtbs, err);
	if (r < 0)
		return r;
	r = make_entry(s, initrd_fd >= 0, dtbs, &entry);
	if (r < 0)
		return kf_err(err, r, KF_REASON_INVALID,
			      "the command line of %s cannot be written to " ENTRY
			      ": it is "
			      "empty, or has line breaks, $ or backslashes",
			      s->id);
	return fatslot_put_text(&f, buf_data(&entry), buf_len(&entry), ENTRY, err);
}

static int uboot_stage(const struct agent *a, const struct slot *s, int initrd_fd,
		       struct kf_error *err)
{
	_fatdir_ struct fatdir fat = {.fd = -1};
	int r = uboot_open(a, &fat, err);

	if (r == 0)
		r = check(a, &fat, err);
	if (r == 0)
		r = check_image(s, err);
	if (r == 0)
		r = stage(&fat, s, initrd_fd, err);
	return r < 0 ? r : put_script(&fat, err);
}

/* The slot's extlinux.conf, if its files are there. */
static int read_entry(const struct fatdir *fat, const char *slot, struct buf *out,
		      struct kf_error *err)
{
	char rel[FATSLOT_REL + sizeof(ENTRY)];
	int r = -ENOENT;

	if (!text_is_slot(slot))
		return kf_err(err, -EINVAL, KF_REASON_INVALID,
			      "\"%s\" is not a slot's name", slot);
	snprintf(rel, sizeof(rel), FATSLOT_OURS "/%s/" ENTRY, slot);
	if (fatslot_has(fat, slot, "image"))
		r = fs_read_file(fat->fd, rel, EXTLINUX_MAX, out);
	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "%s/%s is not complete: deploy slot %s again", fat->path,
			      rel, slot);
	return 0;
}

static int uboot_arm(const struct agent *a, const char *slot, struct kf_error *err)
{
	_fatdir_ struct fatdir fat = {.fd = -1};
	_buf_ struct buf entry = BUF_INIT;
	int r = uboot_open(a, &fat, err);

	if (r == 0)
		r = check(a, &fat, err);
	if (r == 0)
		r = read_entry(&fat, slot, &entry, err);
	/* A board that is armed must not find half of a file. */
	if (r == 0)
		r = fatfile_remove(&fat, BOOTSCR_ONCE, err);
	if (r == 0)
		r = put_script(&fat, err);
	if (r == 0)
		r = fatfile_write(&fat, BOOTSCR_TRIAL, buf_data(&entry), buf_len(&entry),
				  err);
	if (r == 0)
		r = bootcount_arm(a, slot, err);
	return r < 0 ? r : fatfile_write(&fat, BOOTSCR_ONCE, slot, strlen(slot), err);
}

static bool file_is(const struct fatdir *fat, const char *name, const void *data,
		    size_t n)
{
	_buf_ struct buf b = BUF_INIT;

	return fs_read_file(fat->fd, name, EXTLINUX_MAX, &b) == 0 && buf_len(&b) == n &&
	       n > 0 && memcmp(buf_data(&b), data, n) == 0;
}

static int check_once(const struct fatdir *fat, const char *slot, struct kf_error *err)
{
	_buf_ struct buf once = BUF_INIT;
	int r = fs_read_file(fat->fd, BOOTSCR_ONCE, EXTLINUX_MAX, &once);

	if (r < 0 && r != -ENOENT)
		return kf_err(err, r, KF_REASON_IO, "read %s/" BOOTSCR_ONCE ": %m",
			      fat->path);
	if (buf_len(&once) == strlen(slot) &&
	    memcmp(buf_data(&once), slot, strlen(slot)) == 0)
		return 0;
	return kf_err(err, -ENODATA, KF_REASON_BOOT_CHAIN,
		      "%s/" BOOTSCR_ONCE " does not name %s: the next boot is not armed "
		      "for it",
		      fat->path, slot);
}

static int uboot_read_back(const struct agent *a, const char *slot, struct kf_error *err)
{
	_fatdir_ struct fatdir fat = {.fd = -1};
	_buf_ struct buf entry = BUF_INIT, script = BUF_INIT;
	struct bootcount count;
	int r = uboot_open(a, &fat, err);

	if (r == 0)
		r = check_once(&fat, slot, err);
	if (r == 0)
		r = check_order(&fat, err);
	if (r == 0)
		r = read_entry(&fat, slot, &entry, err);
	if (r == 0)
		r = bootcount_read(a, &count, err);
	if (r < 0)
		return r;
	if (bootscr_make(&script) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "check the arm: %m");
	if (!file_is(&fat, BOOTSCR_TRIAL, buf_data(&entry), buf_len(&entry)) ||
	    !file_is(&fat, SCRIPT, buf_data(&script), buf_len(&script)))
		return kf_err(err, -ENODATA, KF_REASON_BOOT_CHAIN,
			      "%s/" BOOTSCR_TRIAL
			      " does not start %s: the next boot is not "
			      "armed for it",
			      fat.path, slot);
	if (bootcount_used(&count) && (!count.counting || strcmp(count.trial, slot) != 0))
		return kf_err(
			err, -ENODATA, KF_REASON_BOOT_CHAIN,
			"U-Boot's environment was written, but does not say that it "
			"shall count boots");
	return 0;
}

static int uboot_disarm(const struct agent *a, struct kf_error *err)
{
	_fatdir_ struct fatdir fat = {.fd = -1};
	int r = uboot_open(a, &fat, err);

	if (r == 0)
		r = fatfile_remove(&fat, BOOTSCR_ONCE, err);
	if (r == 0)
		r = fatfile_remove(&fat, BOOTSCR_TRIAL, err);
	return r < 0 ? r : bootcount_end(a, err);
}

static int uboot_commit(const struct agent *a, const char *slot, struct kf_error *err)
{
	_fatdir_ struct fatdir fat = {.fd = -1};
	_buf_ struct buf entry = BUF_INIT;
	int r = uboot_open(a, &fat, err);

	if (r < 0)
		return r;
	if (strcmp(slot, FOREIGN) == 0)
		return fatfile_remove(&fat, BOOTSCR_GOOD, err);
	r = check(a, &fat, err);
	if (r == 0)
		r = read_entry(&fat, slot, &entry, err);
	if (r == 0)
		r = put_script(&fat, err);
	return r < 0 ? r
		     : fatfile_write(&fat, BOOTSCR_GOOD, buf_data(&entry),
				     buf_len(&entry), err);
}

/* Does this pointer file start the slot? */
static bool points_at(const struct fatdir *fat, const char *name, const char *slot)
{
	_extlinux_ struct extlinux e = {.n = 0};
	_buf_ struct buf b = BUF_INIT;
	const struct extlinux_label *l;

	if (fs_read_file(fat->fd, name, EXTLINUX_MAX, &b) < 0 ||
	    extlinux_parse(buf_data(&b), buf_len(&b), &e) < 0)
		return false;
	l = extlinux_default(&e);
	return l && strcmp(l->name, slot) == 0;
}

static int uboot_remove(const struct agent *a, const char *slot, struct kf_error *err)
{
	_fatdir_ struct fatdir fat = {.fd = -1};
	int r;

	if (!text_is_slot(slot))
		return kf_err(err, -EINVAL, KF_REASON_INVALID,
			      "\"%s\" is not a slot's name", slot);
	r = uboot_open(a, &fat, err);
	if (r == 0 && (points_at(&fat, BOOTSCR_TRIAL, slot) ||
		       file_is(&fat, BOOTSCR_ONCE, slot, strlen(slot)))) {
		r = fatfile_remove(&fat, BOOTSCR_ONCE, err);
		if (r == 0)
			r = fatfile_remove(&fat, BOOTSCR_TRIAL, err);
		if (r == 0)
			r = bootcount_end(a, err);
	}
	if (r == 0 && points_at(&fat, BOOTSCR_GOOD, slot))
		r = fatfile_remove(&fat, BOOTSCR_GOOD, err);
	if (r == 0)
		r = fatslot_remove(&fat, slot, ENTRY, err);
	if (r == 0 && !fs_exists(fat.fd, FATSLOT_OURS) && script_is_ours(&fat) == 1)
		r = fatfile_remove(&fat, SCRIPT, err);
	return r;
}

/* A path of extlinux.conf begins at the partition that has the file: the root file
 * system, or /boot. */
static int path_of(const struct agent *a, const char *initrd, char **ret_path)
{
	static const char *const tops[] = {"", "/boot"};

	initrd += strspn(initrd, "/");
	if (!text_is_path(initrd, strlen(initrd)))
		return -ENOENT;
	for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
		_free_ char *path = NULL;

		if (asprintf(&path, "%s/%s", tops[i], initrd) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		if (!has(a, path))
			continue;
		*ret_path = TAKE_PTR(path);
		return 0;
	}
	return -ENOENT;
}

/* The label whose kernel has the running release in its name, else the default. */
static const struct extlinux_label *running_label(const struct agent *a,
						  const struct extlinux *e)
{
	for (size_t i = 0; i < e->n; i++) {
		const char *path = e->label[i].linux_path;
		size_t n = path ? strlen(path) : 0, m = strlen(a->boot.release);

		if (m > 0 && n > m && strcmp(path + n - m, a->boot.release) == 0)
			return &e->label[i];
	}
	return extlinux_default(e);
}

static int uboot_running_initrd(const struct agent *a, char **ret_path)
{
	_extlinux_ struct extlinux e = {.n = 0};
	_fatdir_ struct fatdir fat = {.fd = -1};
	_free_ char *path = NULL;
	_buf_ struct buf b = BUF_INIT;
	const struct extlinux_label *l;
	const char *conf;

	if (uboot_open(a, &fat, NULL) < 0)
		return -ENOENT;
	if (a->boot.slot[0]) {
		char *own;

		if (!fatslot_has(&fat, a->boot.slot, "initrd"))
			return -ENOENT;
		if (asprintf(&own, "%s/" FATSLOT_OURS "/%s/initrd", fat.path,
			     a->boot.slot) < 0)
			return -ENOMEM;
		*ret_path = own;
		return 0;
	}
	conf = own_conf(a, &fat);
	if (!conf)
		return -ENOENT;
	path = *conf == '/' ? agent_path(a, conf) : NULL;
	if (fs_read_file(path ? AT_FDCWD : fat.fd, path ? path : conf, EXTLINUX_MAX, &b) <
		    0 ||
	    extlinux_parse(buf_data(&b), buf_len(&b), &e) < 0)
		return -ENOENT;
	l = running_label(a, &e);
	return l && l->initrd ? path_of(a, l->initrd, ret_path) : -ENOENT;
}

const struct boot_chain boot_uboot = {
	.name = "uboot-extlinux",
	.probe = uboot_probe,
	.space = uboot_space,
	.stage = uboot_stage,
	.arm = uboot_arm,
	.read_back = uboot_read_back,
	.disarm = uboot_disarm,
	.commit = uboot_commit,
	.remove = uboot_remove,
	.up = bootcount_end,
	.running_initrd = uboot_running_initrd,
};
