/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * systemd-boot: a type 1 entry on the ESP or XBOOTLDR, started once by the variable
 * LoaderEntryOneShot, which systemd-boot deletes before it starts the kernel.
 *
 * What is on $BOOT: kferry/<slot>/{linux,initrd} and the entry, whose file is written by
 * sdentry.c.  The entry comes last when a slot is staged and goes first when it is
 * removed, so that no entry ever names a file that is not whole.
 *
 * LoaderEntryDefault is only touched by commit(); what it was before is kept in the state
 * directory, so that FOREIGN brings it back.
 */
#include <fcntl.h>
#include <string.h>

#include "agent/boot/boot.h"
#include "agent/boot/efi/efidir.h"
#include "agent/boot/efi/efivar.h"
#include "agent/boot/efi/secureboot.h"
#include "agent/boot/fatdir.h"
#include "agent/boot/sd/bootdir.h"
#include "agent/boot/sd/sdentry.h"
#include "agent/boot/sd/sdloader.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/reason.h"
#include "proto/text.h"

#define VAR_ONESHOT EFIVAR_LOADER("LoaderEntryOneShot")
#define VAR_DEFAULT EFIVAR_LOADER("LoaderEntryDefault")
/* One line: "unset", or "set " and the value. */
#define REMEMBERED "boot/systemd-boot.default"

static int sd_probe(const struct agent *a, char note[256], struct kf_error *err)
{
	_bootdirs_ struct bootdirs dirs = {.n = 0};
	_free_ char *info = NULL;
	_close_ int vars = -1;
	int r;

	r = sdloader_open(a, &vars, &info, err);
	if (r < 0)
		return r;
	r = bootdirs_find(a, &dirs, err);
	if (r < 0)
		return r;
	if (dirs.v[0].read_only)
		return kf_err(err, -EROFS, KF_REASON_READ_ONLY,
			      "%s is mounted read-only: after checking why, mount -o "
			      "remount,rw %s",
			      dirs.v[0].path, dirs.v[0].path);
	r = fatdir_check_clean(a, dirs.v[0].path, err);
	if (r == 0)
		r = sdloader_check_default(vars, &dirs, SDENTRY_SAMPLE, err);
	if (r < 0)
		return r;
	snprintf(note, 256, "%s, entries in %s/loader/entries", info, dirs.v[0].path);
	return 0;
}

static int sd_space(const struct agent *a, uint64_t *ret_free, struct kf_error *err)
{
	_bootdirs_ struct bootdirs dirs = {.n = 0};
	int r;

	r = bootdirs_find(a, &dirs, err);
	if (r < 0)
		return r;
	r = fs_free_bytes(dirs.v[0].fd, ret_free);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "ask %s for its free space: %m",
			      dirs.v[0].path);
	return 0;
}

/* The directories, the variables and the name of the slot's entry, for one operation. */
struct sd {
	struct bootdirs dirs;
	int vars;
	char entry[SDENTRY_NAME];
};

static void sd_close(struct sd *sd)
{
	bootdirs_fini(&sd->dirs);
	cleanup_close(&sd->vars);
}

/* slot may be NULL. */
static int sd_find(const struct agent *a, const char *slot, struct sd *sd,
		   struct kf_error *err)
{
	int r;

	if (slot) {
		r = sdentry_name(slot, sd->entry);
		if (r < 0)
			return kf_err(err, r, KF_REASON_INVALID,
				      "\"%s\" is not a slot's name", slot);
	}
	return bootdirs_find(a, &sd->dirs, err);
}

static int sd_open(const struct agent *a, const char *slot, struct sd *sd,
		   struct kf_error *err)
{
	int r = sd_find(a, slot, sd, err);

	return r < 0 ? r : sdloader_open(a, &sd->vars, NULL, err);
}

static int check_signature(const struct agent *a, const struct slot *s,
			   struct kf_error *err)
{
	_close_ int fd = fs_open_beneath(s->fd, s->manifest.image, O_RDONLY, 0);

	if (fd < 0)
		return kf_err(err, fd, KF_REASON_IO, "open %s of slot %s: %m",
			      s->manifest.image, s->id);
	return secureboot_check(a, SECUREBOOT_SYSTEMD, fd, s->manifest.image, err);
}

static int sd_stage(const struct agent *a, const struct slot *s, int initrd_fd,
		    struct kf_error *err)
{
	_cleanup_(sd_close) struct sd sd = {.vars = -1};
	int r;

	r = sd_open(a, s->id, &sd, err);
	if (r < 0)
		return r;
	r = sdloader_check_default(sd.vars, &sd.dirs, sd.entry, err);
	if (r == 0)
		r = check_signature(a, s, err);
	if (r < 0)
		return r;
	return sdentry_stage(&sd.dirs.v[0], s, initrd_fd, err);
}

/* Is the string variable exactly want?  1, 0, or negative. */
static int var_is(int vars, const char *name, const char *want)
{
	_free_ char *value = NULL;
	int r = efivar_read_string(vars, name, &value);

	if (r < 0)
		return r == -ENOENT || r == -EILSEQ ? 0 : r;
	return strcmp(value, want) == 0;
}

static int var_is_ours(int vars, const char *name)
{
	_free_ char *value = NULL;
	int r = efivar_read_string(vars, name, &value);

	if (r < 0)
		return r == -ENOENT || r == -EILSEQ ? 0 : r;
	return sdentry_is_ours(value);
}

static int set_var(int vars, const char *name, const char *value, struct kf_error *err)
{
	int r = efivar_write_string(vars, name, value);

	if (r == -ENOSPC || r == -EIO)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "the firmware did not keep the EFI variable %s: %m; its "
			      "store may be full: save and delete what is in "
			      "/sys/fs/pstore",
			      name);
	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "write the EFI variable %s: %m", name);
	return 0;
}

static int drop_var(int vars, const char *name, struct kf_error *err)
{
	int r = efivar_remove(vars, name);

	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "delete the EFI variable %s: %m", name);
	return 0;
}

static int sd_arm(const struct agent *a, const char *slot, struct kf_error *err)
{
	_cleanup_(sd_close) struct sd sd = {.vars = -1};
	int r;

	r = sd_open(a, slot, &sd, err);
	if (r < 0)
		return r;
	r = sdentry_check(&sd.dirs.v[0], slot, err);
	if (r < 0)
		return r;
	/* The default may have been changed since the slot was staged. */
	r = sdloader_check_default(sd.vars, &sd.dirs, sd.entry, err);
	if (r < 0)
		return r;
	return set_var(sd.vars, VAR_ONESHOT, sd.entry, err);
}

/* Also where something else than systemd-boot has started the board: the one-shot waits
 * for the next boot through it. */
static int sd_read_back(const struct agent *a, const char *slot, struct kf_error *err)
{
	_cleanup_(sd_close) struct sd sd = {.vars = -1};
	int r;

	r = sd_find(a, slot, &sd, err);
	if (r == 0)
		r = efidir_open(a, &sd.vars, err);
	if (r < 0)
		return r;
	r = var_is(sd.vars, VAR_ONESHOT, sd.entry);
	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "read the EFI variable LoaderEntryOneShot: %m");
	if (r == 0)
		return kf_err(err, -ENODATA, KF_REASON_BOOT_CHAIN,
			      "LoaderEntryOneShot does not name %s: the next boot is not "
			      "armed for it",
			      sd.entry);
	return sdentry_check(&sd.dirs.v[0], slot, err);
}

static int disarm_vars(int vars, const char *entry, struct kf_error *err)
{
	int r = entry ? var_is(vars, VAR_ONESHOT, entry) : var_is_ours(vars, VAR_ONESHOT);

	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "read the EFI variable LoaderEntryOneShot: %m");
	return r == 0 ? 0 : drop_var(vars, VAR_ONESHOT, err);
}

static int sd_disarm(const struct agent *a, struct kf_error *err)
{
	_close_ int vars = -1;
	int r = efidir_open(a, &vars, err);

	return r < 0 ? r : disarm_vars(vars, NULL, err);
}

/* Keep what LoaderEntryDefault is, unless it is one of ours: then it is kept already. */
static int remember_default(const struct agent *a, int vars, struct kf_error *err)
{
	_free_ char *value = NULL;
	_buf_ struct buf b = BUF_INIT;
	int r;

	r = efivar_read_string(vars, VAR_DEFAULT, &value);
	if (r < 0 && r != -ENOENT)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "read the EFI variable LoaderEntryDefault: %m");
	if (value && sdentry_is_ours(value))
		return 0;
	r = value ? buf_printf(&b, "set %s\n", value) : buf_printf(&b, "unset\n");
	if (r == 0)
		r = fs_mkdirs_parent(a->state_fd, REMEMBERED);
	if (r == 0)
		r = fs_replace(a->state_fd, REMEMBERED, buf_data(&b), buf_len(&b), 0644);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO,
			      "note the board's own default in " REMEMBERED ": %m");
	return 0;
}

/* Without a note the variable is deleted: systemd-boot's own choice is never ours. */
static int restore_default(const struct agent *a, int vars, struct kf_error *err)
{
	_free_ char *line = NULL;
	int r;

	r = var_is_ours(vars, VAR_DEFAULT);
	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "read the EFI variable LoaderEntryDefault: %m");
	if (r > 0) {
		r = fs_read_line(a->state_fd, REMEMBERED, &line);
		if (r < 0 && r != -ENOENT)
			return kf_err(err, r, KF_REASON_IO, "read " REMEMBERED ": %m");
		if (line && strncmp(line, "set ", 4) == 0 && line[4] != '\0')
			r = set_var(vars, VAR_DEFAULT, line + 4, err);
		else
			r = drop_var(vars, VAR_DEFAULT, err);
		if (r < 0)
			return r;
	}
	if (unlinkat(a->state_fd, REMEMBERED, 0) < 0 && errno != ENOENT)
		return kf_err(err, -errno, KF_REASON_IO, "remove " REMEMBERED ": %m");
	return 0;
}

static int sd_commit(const struct agent *a, const char *slot, struct kf_error *err)
{
	_cleanup_(sd_close) struct sd sd = {.vars = -1};
	bool foreign = strcmp(slot, FOREIGN) == 0;
	int r;

	r = sd_open(a, foreign ? NULL : slot, &sd, err);
	if (r < 0)
		return r;
	if (foreign)
		return restore_default(a, sd.vars, err);
	r = sdentry_check(&sd.dirs.v[0], slot, err);
	if (r < 0)
		return r;
	r = remember_default(a, sd.vars, err);
	if (r < 0)
		return r;
	return set_var(sd.vars, VAR_DEFAULT, sd.entry, err);
}

static int sd_remove(const struct agent *a, const char *slot, struct kf_error *err)
{
	_bootdirs_ struct bootdirs dirs = {.n = 0};
	char entry[SDENTRY_NAME];
	_close_ int vars = -1;
	int r;

	r = sdentry_name(slot, entry);
	if (r < 0)
		return kf_err(err, r, KF_REASON_INVALID, "\"%s\" is not a slot's name",
			      slot);
	r = bootdirs_find(a, &dirs, err);
	if (r < 0)
		return r;
	/* A board that was started another way this time still gets rid of the files;
	 * variables that name an entry that is gone do nothing. */
	if (sdloader_open(a, &vars, NULL, NULL) == 0) {
		r = disarm_vars(vars, entry, err);
		if (r == 0 && var_is(vars, VAR_DEFAULT, entry) > 0)
			r = restore_default(a, vars, err);
		if (r < 0)
			return r;
	} else {
		log_info("remove slot=%s efi=unavailable", slot);
	}
	return sdentry_remove(&dirs.v[0], slot, err);
}

static int sd_running_initrd(const struct agent *a, char **ret_path)
{
	_bootdirs_ struct bootdirs dirs = {.n = 0};
	_free_ char *selected = NULL;
	_close_ int vars = -1;
	int r;

	r = sdloader_open(a, &vars, NULL, NULL);
	if (r < 0)
		return -ENOENT;
	r = efivar_read_string(vars, EFIVAR_LOADER("LoaderEntrySelected"), &selected);
	if (r < 0)
		return -ENOENT;
	if (bootdirs_find(a, &dirs, NULL) < 0)
		return -ENOENT;
	for (size_t i = 0; i < dirs.n; i++) {
		r = sdentry_initrd(&dirs.v[i], selected, ret_path);
		if (r != -ENOENT)
			return r;
	}
	return -ENOENT;
}

const struct boot_chain boot_systemd = {
	.name = "systemd-boot",
	.probe = sd_probe,
	.space = sd_space,
	.stage = sd_stage,
	.arm = sd_arm,
	.read_back = sd_read_back,
	.disarm = sd_disarm,
	.commit = sd_commit,
	.remove = sd_remove,
	.running_initrd = sd_running_initrd,
};
