/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Staging and checking a slot for os_prefix. */
#include "agent/boot/rpi/rpislot.h"

#include <fcntl.h>
#include <string.h>

#include "agent/boot/fatslot.h"
#include "agent/boot/rpi/rpiinclude.h"
#include "agent/cmdword.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define README	   "overlays/README"
#define NAME_LIMIT 56 /* bytes of a file's name, which bootfile_put() makes longer */
#define OVERLAY	   "overlays/"

static const char readme[] =
	"The firmware takes overlays from here because this file exists.\n";

static const char *kernel_name(bool arm64)
{
	return arm64 ? "kernel8.img" : "kernel7l.img";
}

static const char *initramfs_name(bool arm64)
{
	return arm64 ? "initramfs8" : "initramfs7l";
}

/* arm64: Documentation/arch/arm64/booting.rst, "ARM\x64" at 56; arm: zImage's magic at
 * 0x24.  The firmware unpacks gzip. */
static int check_image(const struct slot *s, bool arm64, struct kf_error *err)
{
	_close_ int fd = fs_open_beneath(s->fd, s->manifest.image, O_RDONLY, 0);
	uint8_t head[64] = {0};

	if (fd < 0)
		return kf_err(err, fd, KF_REASON_IO, "open %s of slot %s: %m",
			      s->manifest.image, s->id);
	if (pread(fd, head, sizeof(head), 0) < 0)
		return kf_err(err, -errno, KF_REASON_IO, "read %s of slot %s: %m",
			      s->manifest.image, s->id);
	if (arm64 && memcmp(head, "\x1f\x8b", 2) == 0)
		return 0;
	if (memcmp(head + (arm64 ? 56 : 36), arm64 ? "ARM\x64" : "\x18\x28\x6f\x01", 4) ==
	    0)
		return 0;
	return kf_err(err, -ENOEXEC, KF_REASON_BOOT_CHAIN,
		      "%s is not a kernel that the Raspberry Pi's firmware starts: send "
		      "%s",
		      s->manifest.image,
		      arm64 ? "Image or Image.gz, without CONFIG_EFI_ZBOOT" : "zImage");
}

/* Where a file of the manifest goes, relative to the slot's directory; NULL: nowhere. */
static const char *place(const struct rpiboard *b, const char *path)
{
	const char *slash, *name;

	if (strncmp(path, OVERLAY, strlen(OVERLAY)) == 0)
		return strchr(path + strlen(OVERLAY), '/') ? NULL : path;
	if (strncmp(path, "dtbs/", 5) != 0)
		return NULL;
	path += 5;
	if (strncmp(path, OVERLAY, strlen(OVERLAY)) == 0)
		return strchr(path + strlen(OVERLAY), '/') ? NULL : path;
	slash = strrchr(path, '/');
	if (slash && strncmp(path, "broadcom/", (size_t)(slash + 1 - path)) != 0)
		return NULL;
	name = slash ? slash + 1 : path;
	return strncmp(name, b->soc, strlen(b->soc)) == 0 ? name : NULL;
}

static int put_trees(const struct rpiboard *b, struct fatslot *f, const struct slot *s,
		     struct kf_error *err)
{
	bool overlays = false, has_readme = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->manifest.n_files; i++) {
		const char *name = place(b, s->manifest.files[i].path);

		if (!name || strlen(name) > NAME_LIMIT)
			continue;
		overlays = overlays || strncmp(name, OVERLAY, strlen(OVERLAY)) == 0;
		has_readme = has_readme || strcmp(name, README) == 0;
		r = fatslot_put(f, s, i, name, err);
	}
	if (r == 0 && overlays && !has_readme)
		r = fatslot_put_text(f, readme, strlen(readme), README, err);
	return r;
}

static bool has_dtb(const struct rpiboard *b, const struct slot *s)
{
	for (size_t i = 0; i < s->manifest.n_files; i++) {
		const char *name = place(b, s->manifest.files[i].path);

		for (size_t j = 0; name && j < ARRAY_SIZE(b->dtb) && b->dtb[j]; j++)
			if (strcmp(name, b->dtb[j]) == 0)
				return true;
	}
	return false;
}

/* The initramfs of Raspberry Pi OS stops a watchdog that runs, unless told not to. */
static int make_cmdline(const struct slot *s, struct buf *out)
{
	const char *line = s->conf.cmdline ? s->conf.cmdline : "";
	struct cmdword w;
	bool said = cmdword_find(line, "watchdog_disarm=", &w);

	return buf_printf(out, "%s%s\n", line, said ? "" : " watchdog_disarm=0");
}

static int check_slot(const struct rpiboard *b, const struct slot *s, bool arm64,
		      struct kf_error *err)
{
	if (!arm64 && strcmp(s->manifest.arch, "arm") != 0)
		return kf_err(err, -EINVAL, KF_REASON_ARCH,
			      "slot %s is for %s: a Raspberry Pi runs arm64 or arm",
			      s->id, s->manifest.arch);
	if (!s->conf.cmdline || strpbrk(s->conf.cmdline, "\r\n"))
		return kf_err(err, -EINVAL, KF_REASON_INVALID,
			      "the command line of %s is empty or has line breaks",
			      s->id);
	if (!has_dtb(b, s))
		return kf_err(
			err, -ENOENT, KF_REASON_BOOT_CHAIN,
			"slot %s has no %s, and without it the firmware would start "
			"the board's own kernel: set build.dtbs = broadcom/%s*.dtb",
			s->id, b->dtb[0], b->soc);
	return check_image(s, arm64, err);
}

int rpislot_stage(const struct rpiboard *b, const struct slot *s, int initrd_fd,
		  struct kf_error *err)
{
	const bool arm64 = strcmp(s->manifest.arch, "arm64") == 0;
	_fatslot_ struct fatslot f = {.dir = -1};
	_buf_ struct buf cmdline = BUF_INIT;
	ssize_t image = manifest_find(&s->manifest, s->manifest.image);
	int r;

	if (image < 0)
		return kf_err(err, -EINVAL, KF_REASON_MANIFEST,
			      "the manifest of %s lacks its own image", s->id);
	r = check_slot(b, s, arm64, err);
	if (r < 0)
		return r;
	if (make_cmdline(s, &cmdline) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "write cmdline.txt: %m");
	r = fatslot_open(&b->fat, s->id, RPISLOT_ENTRY, &f, err);
	if (r == 0)
		r = fatslot_put(&f, s, (size_t)image, kernel_name(arm64), err);
	if (r == 0)
		r = fatslot_put_fd(&f, initrd_fd, initramfs_name(arm64), err);
	if (r == 0)
		r = put_trees(b, &f, s, err);
	if (r < 0)
		return r;
	return fatslot_put_text(&f, buf_data(&cmdline), buf_len(&cmdline), RPISLOT_ENTRY,
				err);
}

/* A name with '/' in front is not looked for below the prefix. */
static int check_named_dtb(const struct rpiboard *b, const char *slot,
			   const struct rpicfg_line *l, struct kf_error *err)
{
	_free_ char *name = strndup(l->value, l->value_len);

	if (!name)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY,
			      "read device_tree of config.txt: %m");
	if (!*name || (*name != '/' && fatslot_has(&b->fat, slot, name)))
		return 0;
	return kf_err(err, -ENOENT, KF_REASON_BOOT_CHAIN,
		      "config.txt has device_tree=%s, which is not among the files of "
		      "slot %s: take that line out, or send that device tree",
		      name, slot);
}

/* config.txt may name device trees of its own, under filters that are not all to be
 * judged from here: each of them has to be there, and the board's. */
static int check_dtb(const struct rpiboard *b, const char *slot, struct kf_error *err)
{
	static const char key[] = "device_tree";
	const char *at = buf_len(&b->config) ? (const char *)buf_data(&b->config) : "";
	const char *end = at + buf_len(&b->config);
	struct rpicfg_line l;
	int r = 0;

	while (r == 0 && rpicfg_next(&at, end, &l))
		if (l.kind == RPICFG_SETTING && l.key_len == strlen(key) &&
		    memcmp(l.key, key, l.key_len) == 0)
			r = check_named_dtb(b, slot, &l, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(b->dtb) && b->dtb[i]; i++)
		if (fatslot_has(&b->fat, slot, b->dtb[i]))
			return 0;
	return kf_err(err, -ENOENT, KF_REASON_BOOT_CHAIN,
		      "%s/kferry/%s lacks %s, so the firmware would pass over it: deploy "
		      "the slot again",
		      b->fat.path, slot, b->dtb[0]);
}

int rpislot_check(const struct rpiboard *b, const char *slot, struct rpicfg_start *ret,
		  struct kf_error *err)
{
	const bool arm64 = fatslot_has(&b->fat, slot, kernel_name(true));
	int r;

	if (!fatslot_has(&b->fat, slot, RPISLOT_ENTRY) ||
	    !fatslot_has(&b->fat, slot, kernel_name(arm64)))
		return kf_err(err, -ENOENT, KF_REASON_BOOT_CHAIN,
			      "%s/kferry/%s is not complete: deploy slot %s again",
			      b->fat.path, slot, slot);
	r = check_dtb(b, slot, err);
	if (r == 0)
		r = rpiinclude_check(&b->fat, &b->config, err);
	if (r < 0)
		return r;
	*ret = (struct rpicfg_start){
		.slot = slot,
		.kernel = kernel_name(arm64),
		.initramfs = rpislot_initramfs(&b->fat, slot),
		.arm64 = arm64,
	};
	return 0;
}

const char *rpislot_initramfs(const struct fatdir *fat, const char *slot)
{
	for (int arm64 = 0; arm64 < 2; arm64++)
		if (fatslot_has(fat, slot, initramfs_name(arm64)))
			return initramfs_name(arm64);
	return NULL;
}
