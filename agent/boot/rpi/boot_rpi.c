/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Raspberry Pi's firmware: a slot is a directory on its FAT (os_prefix), started once
 * by tryboot.txt, which the firmware reads instead of config.txt when a flag is set that
 * it clears first.
 *
 * arm() writes tryboot.txt, a complete configuration made from config.txt as it is then,
 * and sets the flag last; without the flag tryboot.txt is not looked at.  config.txt is
 * only written by commit(), which keeps the board's own as config.txt.good.
 */
#include <fcntl.h>
#include <string.h>

#include "agent/boot/boot.h"
#include "agent/boot/fatslot.h"
#include "agent/boot/rpi/rpiboard.h"
#include "agent/boot/rpi/rpislot.h"
#include "agent/slot/kconfig.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define CONFIG	   "config.txt"
#define GOOD	   "config.txt.good"
#define TRYBOOT	   "tryboot.txt"
#define WATCHDOG_S 60 /* from the firmware to the agent's early step */

static int rpi_probe(const struct agent *a, char note[256], struct kf_error *err)
{
	_rpiboard_ struct rpiboard b = {.fat.fd = -1, .vcio.fd = -1};
	const char *owner = rpiboard_config_owner(a);
	char date[16];
	int r;

	r = rpiboard_open(a, &b, err);
	if (r == 0)
		r = rpiboard_check(a, &b, err);
	if (r < 0)
		return r;
	rpiboard_loader_date(&b, date);
	snprintf(note, 256, "tryboot through %s, boot loader of %s, files in %s%s%s",
		 b.arm == RPI_ARM_VCIO ? "/dev/vcio" : "the reboot's argument", date,
		 b.fat.path,
		 owner ? "; no permanent default: config.txt is that of " : "",
		 owner ? owner : "");
	return 0;
}

static int rpi_space(const struct agent *a, uint64_t *ret_free, struct kf_error *err)
{
	_rpiboard_ struct rpiboard b = {.fat.fd = -1, .vcio.fd = -1};
	int r;

	r = rpiboard_open(a, &b, err);
	if (r < 0)
		return r;
	r = fs_free_bytes(b.fat.fd, ret_free);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "ask %s for its free space: %m",
			      b.fat.path);
	return 0;
}

static int rpi_stage(const struct agent *a, const struct slot *s, int initrd_fd,
		     struct kf_error *err)
{
	_rpiboard_ struct rpiboard b = {.fat.fd = -1, .vcio.fd = -1};
	int r;

	r = rpiboard_open(a, &b, err);
	if (r == 0)
		r = fatdir_check(a, &b.fat, err);
	return r < 0 ? r : rpislot_stage(&b, s, initrd_fd, err);
}

/*
 * Only where the firmware, the kernel and the agent all see to it: a watchdog that nobody
 * feeds would end a good trial.
 */
static unsigned watchdog_s(const struct agent *a, const struct rpiboard *b,
			   const char *slot)
{
	char rel[SLOT_PATH];
	_close_ int fd = -1;

	if (a->conf.watchdog && strcmp(a->conf.watchdog, "none") == 0)
		return 0;
	snprintf(rel, sizeof(rel), SLOTS_DIR "/%s", slot);
	fd = fs_open_dir(a->state_fd, rel);
	if (fd < 0 || kconfig_builtin(fd, "CONFIG_BCM2835_WDT") != 1 ||
	    !rpiboard_has_kernel_watchdog(b))
		return 0;
	return WATCHDOG_S;
}

static int make_config(const struct rpiboard *b, const struct rpicfg_start *start,
		       struct buf *out, struct kf_error *err)
{
	int r = rpicfg_derive(buf_data(&b->config), buf_len(&b->config), start, out);

	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "make a configuration from %s/" CONFIG ": %m", b->fat.path);
	return 0;
}

static int make_tryboot(const struct agent *a, const struct rpiboard *b, const char *slot,
			struct buf *out, struct kf_error *err)
{
	struct rpicfg_start start;
	int r;

	r = rpislot_check(b, slot, &start, err);
	if (r < 0)
		return r;
	start.watchdog_s = watchdog_s(a, b, slot);
	return make_config(b, &start, out, err);
}

static int rpi_arm(const struct agent *a, const char *slot, struct kf_error *err)
{
	_rpiboard_ struct rpiboard b = {.fat.fd = -1, .vcio.fd = -1};
	_buf_ struct buf tryboot = BUF_INIT;
	int r;

	r = rpiboard_open(a, &b, err);
	if (r == 0)
		r = rpiboard_check(a, &b, err);
	if (r == 0)
		r = make_tryboot(a, &b, slot, &tryboot, err);
	/* A board that is armed must not find half of a file. */
	if (r == 0)
		r = rpiboard_disarm(a, &b, err);
	if (r == 0)
		r = fatfile_write(&b.fat, TRYBOOT, buf_data(&tryboot), buf_len(&tryboot),
				  err);
	return r < 0 ? r : rpiboard_arm(a, &b, err);
}

static int read_config(const struct fatdir *fat, const char *name, struct buf *out,
		       struct kf_error *err)
{
	int r = fs_read_file(fat->fd, name, RPICFG_MAX, out);

	if (r < 0 && r != -ENOENT)
		return kf_err(err, r, KF_REASON_IO, "read %s/%s: %m", fat->path, name);
	return 0;
}

/* The flag first: the firmware has taken it, whatever became of the files since. */
static int check_flag(const struct agent *a, const struct rpiboard *b,
		      struct kf_error *err)
{
	int r = rpiboard_armed(a, b);

	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN, "read the tryboot flag: %m");
	if (r == 0)
		return kf_err(err, -ENODATA, KF_REASON_BOOT_CHAIN,
			      "the firmware's tryboot flag is not set: the next boot is "
			      "not armed");
	return 0;
}

static int rpi_read_back(const struct agent *a, const char *slot, struct kf_error *err)
{
	_rpiboard_ struct rpiboard b = {.fat.fd = -1, .vcio.fd = -1};
	_buf_ struct buf want = BUF_INIT, found = BUF_INIT;
	int r;

	r = rpiboard_open(a, &b, err);
	if (r == 0)
		r = check_flag(a, &b, err);
	if (r == 0)
		r = make_tryboot(a, &b, slot, &want, err);
	if (r == 0)
		r = read_config(&b.fat, TRYBOOT, &found, err);
	if (r < 0)
		return r;
	if (buf_len(&want) != buf_len(&found) ||
	    memcmp(buf_data(&want), buf_data(&found), buf_len(&want)) != 0)
		return kf_err(err, -ENODATA, KF_REASON_BOOT_CHAIN,
			      "%s/" TRYBOOT " does not start %s: the next boot is not "
			      "armed for it",
			      b.fat.path, slot);
	return 0;
}

/* Somebody else's tryboot.txt, and a flag that is for it, are left alone. */
static int disarm(const struct agent *a, const struct rpiboard *b, const char *slot,
		  struct kf_error *err)
{
	_buf_ struct buf found = BUF_INIT;
	char id[SLOT_ID_SIZE];
	int r;

	/* What cannot be read may be armed. */
	if (faccessat(b->fat.fd, TRYBOOT, F_OK, 0) < 0 && errno == ENOENT)
		return 0;
	r = read_config(&b->fat, TRYBOOT, &found, err);
	if (r < 0)
		return r;
	/* One that is empty is what a power cut left of ours. */
	if (buf_len(&found) > 0 &&
	    (rpicfg_slot(buf_data(&found), buf_len(&found), id) < 0 ||
	     (slot && strcmp(id, slot) != 0)))
		return 0;
	r = rpiboard_disarm(a, b, err);
	return r < 0 ? r : fatfile_remove(&b->fat, TRYBOOT, err);
}

static int rpi_disarm(const struct agent *a, struct kf_error *err)
{
	_rpiboard_ struct rpiboard b = {.fat.fd = -1, .vcio.fd = -1};
	int r = rpiboard_open(a, &b, err);

	return r < 0 ? r : disarm(a, &b, NULL, err);
}

/* config.txt without anything of ours. */
static int plain_config(const struct rpiboard *b, struct buf *out, struct kf_error *err)
{
	int r;

	/* Where it lacks nothing may be made up: it has the board's settings. */
	if (!fs_exists(b->fat.fd, CONFIG))
		return kf_err(err, -ENOENT, KF_REASON_BOOT_CHAIN,
			      "%s has no " CONFIG ": copy " GOOD " to it", b->fat.path);
	r = rpicfg_strip(buf_data(&b->config), buf_len(&b->config), out);
	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "%s/" CONFIG " has a block of kferry's that does not end: "
			      "correct it, or copy " GOOD " over it",
			      b->fat.path);
	return 0;
}

static int restore_config(const struct rpiboard *b, struct kf_error *err)
{
	_buf_ struct buf plain = BUF_INIT;
	char id[SLOT_ID_SIZE];
	int r;

	/* A write that was cut off may have left the copy alone. */
	if (!fs_exists(b->fat.fd, CONFIG)) {
		r = read_config(&b->fat, GOOD, &plain, err);
		if (r < 0 || buf_len(&plain) == 0)
			return r;
	} else if (rpicfg_slot(buf_data(&b->config), buf_len(&b->config), id) ==
		   -ENOENT) {
		return 0;
	} else {
		r = plain_config(b, &plain, err);
		if (r < 0)
			return r;
	}
	return fatfile_write(&b->fat, CONFIG, buf_data(&plain), buf_len(&plain), err);
}

static int refuse_owner(const char *owner, const char *slot, struct kf_error *err)
{
	return kf_err(
		err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
		"config.txt is written anew by the package %s at every kernel "
		"update, so %s cannot become the default there: keep the board's "
		"own kernel as the default (deploy.after_pass = once), or put \"[all]\", "
		"\"os_prefix=kferry/%s/\", \"kernel=kernel8.img\" and, if it has one, "
		"\"initramfs initramfs8 followkernel\" into "
		"/etc/default/raspi-firmware-custom and let update-initramfs -u "
		"write config.txt",
		owner, slot, slot);
}

static int rpi_commit(const struct agent *a, const char *slot, struct kf_error *err)
{
	_rpiboard_ struct rpiboard b = {.fat.fd = -1, .vcio.fd = -1};
	_buf_ struct buf plain = BUF_INIT, config = BUF_INIT;
	const char *owner = rpiboard_config_owner(a);
	struct rpicfg_start start;
	int r;

	r = rpiboard_open(a, &b, err);
	if (r < 0)
		return r;
	if (strcmp(slot, FOREIGN) == 0)
		return restore_config(&b, err);
	if (owner)
		return refuse_owner(owner, slot, err);
	r = rpislot_check(&b, slot, &start, err);
	if (r == 0)
		r = fatdir_check(a, &b.fat, err);
	if (r == 0)
		r = plain_config(&b, &plain, err);
	if (r == 0)
		r = make_config(&b, &start, &config, err);
	if (r == 0)
		r = fatfile_write(&b.fat, GOOD, buf_data(&plain), buf_len(&plain), err);
	if (r < 0)
		return r;
	return fatfile_write(&b.fat, CONFIG, buf_data(&config), buf_len(&config), err);
}

/* The last slot takes the copy of config.txt along, once that is the same again. */
static int drop_copy(const struct rpiboard *b, struct kf_error *err)
{
	_buf_ struct buf config = BUF_INIT, good = BUF_INIT;
	int r;

	if (fs_exists(b->fat.fd, FATSLOT_OURS) || !fs_exists(b->fat.fd, GOOD))
		return 0;
	r = read_config(&b->fat, CONFIG, &config, err);
	if (r == 0)
		r = read_config(&b->fat, GOOD, &good, err);
	if (r < 0 || buf_len(&config) == 0 || buf_len(&config) != buf_len(&good) ||
	    memcmp(buf_data(&config), buf_data(&good), buf_len(&good)) != 0)
		return r;
	return fatfile_remove(&b->fat, GOOD, err);
}

static int rpi_remove(const struct agent *a, const char *slot, struct kf_error *err)
{
	_rpiboard_ struct rpiboard b = {.fat.fd = -1, .vcio.fd = -1};
	char id[SLOT_ID_SIZE];
	int r;

	if (!text_is_slot(slot))
		return kf_err(err, -EINVAL, KF_REASON_INVALID,
			      "\"%s\" is not a slot's name", slot);
	r = rpiboard_open(a, &b, err);
	if (r == 0)
		r = disarm(a, &b, slot, err);
	if (r == 0 && rpicfg_slot(buf_data(&b.config), buf_len(&b.config), id) == 0 &&
	    strcmp(id, slot) == 0)
		r = restore_config(&b, err);
	if (r == 0)
		r = fatslot_remove(&b.fat, slot, RPISLOT_ENTRY, err);
	return r < 0 ? r : drop_copy(&b, err);
}

static int path_on(const struct fatdir *fat, const char *dir, const char *name,
		   char **ret_path)
{
	_free_ char *rel = NULL;
	char *path;

	if (asprintf(&rel, "%s%s", dir, name) < 0) {
		rel = NULL;
		return -ENOMEM;
	}
	if (!text_is_path(rel, strlen(rel)) || !fs_exists(fat->fd, rel))
		return -ENOENT;
	if (asprintf(&path, "%s/%s", fat->path, rel) < 0)
		return -ENOMEM;
	*ret_path = path;
	return 0;
}

/* auto_initramfs=1: "kernel" becomes "initramfs", "8.img" becomes "8". */
static int automatic(const struct rpiboard *b, const char *prefix, char **ret_path)
{
	static const char *const kernels[] = {"_2712", "8", "7l"};
	const size_t first = strcmp(b->soc, "bcm2712") == 0 ? 0 : 1;
	char name[32];

	for (size_t i = first; i < ARRAY_SIZE(kernels); i++) {
		_free_ char *kernel = NULL;

		snprintf(name, sizeof(name), "kernel%s.img", kernels[i]);
		if (path_on(&b->fat, prefix, name, &kernel) < 0)
			continue;
		snprintf(name, sizeof(name), "initramfs%s", kernels[i]);
		return path_on(&b->fat, prefix, name, ret_path);
	}
	return -ENOENT;
}

static int rpi_running_initrd(const struct agent *a, char **ret_path)
{
	_rpiboard_ struct rpiboard b = {.fat.fd = -1, .vcio.fd = -1};
	_free_ char *prefix = NULL, *name = NULL, *automatically = NULL;
	_buf_ struct buf plain = BUF_INIT;
	struct kf_error ignored;
	int r;

	if (rpiboard_open(a, &b, &ignored) < 0)
		return -ENOENT;
	if (a->boot.slot[0]) {
		char dir[FATSLOT_REL + 1];
		const char *own = rpislot_initramfs(&b.fat, a->boot.slot);

		snprintf(dir, sizeof(dir), FATSLOT_OURS "/%s/", a->boot.slot);
		return own ? path_on(&b.fat, dir, own, ret_path) : -ENOENT;
	}
	if (plain_config(&b, &plain, NULL) < 0)
		return -ENOENT;
	r = rpicfg_get(buf_data(&plain), buf_len(&plain), b.filters, "os_prefix",
		       &prefix);
	if (r < 0 && r != -ENOENT)
		return -ENOENT;
	r = rpicfg_get(buf_data(&plain), buf_len(&plain), b.filters, "initramfs", &name);
	if (r == 0)
		return path_on(&b.fat, prefix ? prefix : "", name, ret_path);
	if (r == -ENOENT)
		r = rpicfg_get(buf_data(&plain), buf_len(&plain), b.filters,
			       "auto_initramfs", &automatically);
	if (r < 0 || strcmp(automatically, "1") != 0)
		return -ENOENT;
	return automatic(&b, prefix ? prefix : "", ret_path);
}

const struct boot_chain boot_rpi = {
	.name = "rpi-firmware",
	.untried = true,
	.probe = rpi_probe,
	.space = rpi_space,
	.stage = rpi_stage,
	.arm = rpi_arm,
	.read_back = rpi_read_back,
	.disarm = rpi_disarm,
	.commit = rpi_commit,
	.remove = rpi_remove,
	.running_initrd = rpi_running_initrd,
};
