/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GRUB: a block in custom.cfg that never changes, and an environment block of our own
 * that GRUB clears before it starts the slot that is named there (grubcfg.h).
 *
 * Beside grub.cfg are kferry/env and kferry/<slot>/{linux,initrd,grub.cfg}.  Arming and
 * making a slot the default change a few bytes of kferry/env where they lie; grub.cfg,
 * grubenv and what others have in custom.cfg are never touched, and update-grub is never
 * run.  A slot's grub.cfg comes last when it is staged and goes first when it is removed.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/boot/boot.h"
#include "agent/boot/bootfile.h"
#include "agent/boot/bootslot.h"
#include "agent/boot/efi/secureboot.h"
#include "agent/boot/grub/grubcfg.h"
#include "agent/boot/grub/grubdir.h"
#include "agent/boot/grub/grubenv.h"
#include "agent/cmdword.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define OURS	 "kferry"
#define ENV	 OURS "/env"
#define CUSTOM	 "custom.cfg"
#define ENTRY	 "grub.cfg" /* in a slot's directory */
#define ONCE	 "kferry_once"
#define DEFAULT	 "kferry_default"
#define SLOT_DIR (sizeof(OURS) + SLOT_ID_SIZE)
#define HDRS_AT	 0x202 /* of x86's boot protocol: "HdrS" */

static const struct bootslot_names file_names = {"linux", "initrd"};

/* GRUB names the kernel on its command line; nobody else but SYSLINUX does. */
static bool grub_started_this(const struct agent *a)
{
	struct cmdword image;

	return cmdword_find(a->boot.cmdline, CMDWORD_IMAGE, &image);
}

static int grub_probe(const struct agent *a, char note[256], struct kf_error *err)
{
	_grubdir_ struct grubdir g = {.fd = -1};
	_free_ char *type = NULL;
	int r;

	r = grubdir_open(a, &g, err);
	if (r < 0)
		return r;
	if (!grub_started_this(a))
		return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			      "%s is there, but GRUB did not start this board: its "
			      "command line has no " CMDWORD_IMAGE,
			      g.path);
	r = grubdir_check(a, &g, &type, err);
	if (r < 0)
		return r;
	snprintf(note, 256, "GRUB, custom.cfg in %s (%s)", g.path, type);
	return 0;
}

static int grub_space(const struct agent *a, uint64_t *ret_free, struct kf_error *err)
{
	_grubdir_ struct grubdir g = {.fd = -1};
	int r;

	r = grubdir_open(a, &g, err);
	if (r < 0)
		return r;
	r = fs_free_bytes(g.fd, ret_free);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "ask %s for its free space: %m",
			      g.path);
	return 0;
}

static int slot_dir(const char *slot, char dst[static SLOT_DIR], struct kf_error *err)
{
	if (!text_is_slot(slot))
		return kf_err(err, -EINVAL, KF_REASON_INVALID,
			      "\"%s\" is not a slot's name", slot);
	snprintf(dst, SLOT_DIR, OURS "/%s", slot);
	return 0;
}

static int check_image(const struct agent *a, const struct slot *s, int fd,
		       struct kf_error *err)
{
	char magic[4] = "";

	if (pread(fd, magic, 4, HDRS_AT) != 4 || memcmp(magic, "HdrS", 4) != 0) {
		if (pread(fd, magic, 2, 0) != 2 || memcmp(magic, "MZ", 2) != 0)
			return kf_err(err, -ENOEXEC, KF_REASON_BOOT_CHAIN,
				      "%s is not a kernel that GRUB starts: send bzImage "
				      "(x86), or Image built with CONFIG_EFI_STUB=y",
				      s->manifest.image);
	}
	return secureboot_check(a, SECUREBOOT_SHIM, fd, s->manifest.image, err);
}

static int write_failed(const struct grubdir *g, const char *name, int r,
			struct kf_error *err)
{
	return kf_err(err, r, r == -ENOSPC ? KF_REASON_SPACE : KF_REASON_IO,
		      "write %s/%s: %m", g->path, name);
}

static int put_text(const struct grubdir *g, const char *rel, const struct buf *text,
		    mode_t mode, struct kf_error *err)
{
	int r = bootfile_write(g->fd, rel, buf_data(text), buf_len(text), mode);

	return r < 0 ? write_failed(g, rel, r, err) : 0;
}

static int drop_entry(const struct grubdir *g, const char *dir, struct kf_error *err)
{
	char rel[SLOT_DIR + sizeof(ENTRY)];
	int r;

	snprintf(rel, sizeof(rel), "%s/" ENTRY, dir);
	r = fs_remove_flushed(g->fd, rel);
	return r < 0 ? kf_err(err, r, KF_REASON_IO, "remove %s/%s: %m", g->path, rel) : 0;
}

static void tidy(const struct grubdir *g, const char *dir)
{
	bootfile_tidy(g->fd, ".");
	bootfile_tidy(g->fd, OURS);
	bootfile_tidy(g->fd, dir);
}

/* The block in custom.cfg and the environment block that it reads: made once. */
static int put_block(const struct grubdir *g, struct kf_error *err)
{
	_buf_ struct buf b = BUF_INIT, merged = BUF_INIT;
	struct grubenv env;
	struct stat st;
	int r;

	r = grubenv_read(g->fd, ENV, &env);
	if (r == -ENOENT)
		r = grubenv_create(g->fd, ENV);
	if (r < 0)
		return write_failed(g, ENV, r, err);
	r = fs_read_file(g->fd, CUSTOM, GRUBCFG_MAX, &b);
	if (r < 0 && r != -ENOENT)
		return kf_err(err, r, KF_REASON_IO, "read %s/" CUSTOM ": %m", g->path);
	if (grubcfg_has_block(buf_data(&b), buf_len(&b)))
		return 0;
	r = grubcfg_merge(buf_data(&b), buf_len(&b), &merged);
	if (r < 0)
		return write_failed(g, CUSTOM, r, err);
	if (fstatat(g->fd, CUSTOM, &st, 0) < 0)
		st.st_mode = 0644;
	return put_text(g, CUSTOM, &merged, st.st_mode & 0777, err);
}

static int grub_stage(const struct agent *a, const struct slot *s, int initrd_fd,
		      struct kf_error *err)
{
	_bootslot_ struct bootslot files = {.image = -1};
	_grubdir_ struct grubdir g = {.fd = -1};
	char dir[SLOT_DIR], rel[SLOT_DIR + sizeof(ENTRY)];
	_buf_ struct buf entry = BUF_INIT;
	struct bootslot_place place;
	struct digest digest;
	int r;

	r = slot_dir(s->id, dir, err);
	if (r == 0)
		r = grubdir_open(a, &g, err);
	if (r == 0)
		r = grubdir_check(a, &g, NULL, err);
	if (r == 0)
		r = bootslot_open(s, initrd_fd, &files, err);
	if (r == 0)
		r = check_image(a, s, files.image, err);
	if (r < 0)
		return r;
	r = grubcfg_entry(s->id, s->manifest.release, s->conf.cmdline, initrd_fd >= 0,
			  &entry);
	if (r < 0)
		return kf_err(err, r, KF_REASON_INVALID,
			      "GRUB does not pass the command line of %s on unchanged: "
			      "it may have no backslash and no ', and \"...\" only "
			      "around a whole value",
			      s->id);
	snprintf(rel, sizeof(rel), "%s/" ENTRY, dir);
	place = (struct bootslot_place){g.fd, g.path, dir, rel, &file_names};
	tidy(&g, dir);
	r = bootslot_stage(&files, &place, err);
	if (r < 0)
		return r;
	digest_bytes(buf_data(&entry), buf_len(&entry), &digest);
	if (bootfile_has(g.fd, rel, &digest) <= 0)
		r = put_text(&g, rel, &entry, 0644, err);
	return r < 0 ? r : put_block(&g, err);
}

static bool has_file(const struct grubdir *g, const char *dir, const char *name)
{
	char rel[SLOT_DIR + 16];

	snprintf(rel, sizeof(rel), "%s/%s", dir, name);
	return bootfile_there(g->fd, rel);
}

/* Everything that the slot needs to start is there, from grub.cfg on. */
static int check_staged(const struct agent *a, const struct grubdir *g, const char *slot,
			struct kf_error *err)
{
	_buf_ struct buf entry = BUF_INIT, custom = BUF_INIT;
	char dir[SLOT_DIR], rel[SLOT_DIR + sizeof(ENTRY)];
	bool whole;
	int r;

	r = slot_dir(slot, dir, err);
	if (r == 0)
		r = grubdir_check(a, g, NULL, err);
	if (r < 0)
		return r;
	snprintf(rel, sizeof(rel), "%s/" ENTRY, dir);
	whole = has_file(g, dir, ENTRY) && has_file(g, dir, file_names.image) &&
		fs_read_file(g->fd, rel, GRUBCFG_MAX, &entry) == 0;
	if (whole && memmem(buf_data(&entry), buf_len(&entry), "/initrd", 7))
		whole = has_file(g, dir, file_names.initrd);
	if (!whole)
		return kf_err(err, -ENOENT, KF_REASON_BOOT_CHAIN,
			      "%s/%s is not there or not whole: deploy slot %s again",
			      g->path, dir, slot);
	if (fs_read_file(g->fd, CUSTOM, GRUBCFG_MAX, &custom) < 0 ||
	    !grubcfg_has_block(buf_data(&custom), buf_len(&custom)))
		return kf_err(err, -ENOENT, KF_REASON_BOOT_CHAIN,
			      "the lines of kferry in %s/" CUSTOM " are gone or changed: "
			      "deploy slot %s again",
			      g->path, slot);
	return 0;
}

static int read_env(const struct grubdir *g, struct grubenv *ret, struct kf_error *err)
{
	int r = grubenv_read(g->fd, ENV, ret);

	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN, "read %s/" ENV ": %m",
			      g->path);
	return 0;
}

/* 1: it has exactly this value (NULL: any); 0. */
static int env_is(const struct grubenv *e, const char *name, const char *want)
{
	_free_ char *value = NULL;
	int r = grubenv_get(e, name, &value);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return want ? strcmp(value, want) == 0 : *value != '\0';
}

static int change_env(const struct grubdir *g, const char *name, const char *value,
		      struct kf_error *err)
{
	struct grubenv e;
	int r;

	r = read_env(g, &e, err);
	if (r < 0)
		return r;
	r = env_is(&e, name, value);
	if (r >= 0 && (r > 0) == (value != NULL))
		return 0;
	if (r >= 0 && value)
		r = grubenv_set(&e, name, value);
	else if (r >= 0)
		grubenv_unset(&e, name);
	if (r >= 0)
		r = grubenv_write(g->fd, ENV, &e);
	return r < 0 ? write_failed(g, ENV, r, err) : 0;
}

static int grub_arm(const struct agent *a, const char *slot, struct kf_error *err)
{
	_grubdir_ struct grubdir g = {.fd = -1};
	int r;

	r = grubdir_open(a, &g, err);
	if (r == 0)
		r = check_staged(a, &g, slot, err);
	return r < 0 ? r : change_env(&g, ONCE, slot, err);
}

static int grub_read_back(const struct agent *a, const char *slot, struct kf_error *err)
{
	_grubdir_ struct grubdir g = {.fd = -1};
	struct grubenv e;
	int r;

	r = grubdir_open(a, &g, err);
	if (r == 0)
		r = read_env(&g, &e, err);
	if (r < 0)
		return r;
	r = env_is(&e, ONCE, slot);
	if (r <= 0)
		return kf_err(err, r < 0 ? r : -ENODATA, KF_REASON_BOOT_CHAIN,
			      "%s/" ENV " does not name %s: the next boot is not armed "
			      "for it",
			      g.path, slot);
	return check_staged(a, &g, slot, err);
}

static int grub_disarm(const struct agent *a, struct kf_error *err)
{
	_grubdir_ struct grubdir g = {.fd = -1};
	int r;

	r = grubdir_open(a, &g, err);
	if (r < 0)
		return r;
	return fs_exists(g.fd, ENV) ? change_env(&g, ONCE, NULL, err) : 0;
}

static int grub_commit(const struct agent *a, const char *slot, struct kf_error *err)
{
	_grubdir_ struct grubdir g = {.fd = -1};
	int r;

	r = grubdir_open(a, &g, err);
	if (r < 0)
		return r;
	if (strcmp(slot, FOREIGN) == 0)
		return fs_exists(g.fd, ENV) ? change_env(&g, DEFAULT, NULL, err) : 0;
	r = check_staged(a, &g, slot, err);
	return r < 0 ? r : change_env(&g, DEFAULT, slot, err);
}

/* An environment block that cannot be read starts nothing. */
static int forget(const struct grubdir *g, const char *slot, struct kf_error *err)
{
	struct grubenv e;
	int r = 0;

	if (grubenv_read(g->fd, ENV, &e) < 0)
		return 0;
	if (env_is(&e, ONCE, slot) > 0)
		r = change_env(g, ONCE, NULL, err);
	if (r == 0 && env_is(&e, DEFAULT, slot) > 0)
		r = change_env(g, DEFAULT, NULL, err);
	return r;
}

/* The last slot takes our lines in custom.cfg along. */
static int leave(const struct grubdir *g, struct kf_error *err)
{
	_buf_ struct buf b = BUF_INIT, rest = BUF_INIT;
	struct stat st;
	int r;

	r = fs_read_file(g->fd, CUSTOM, GRUBCFG_MAX, &b);
	if (r == 0)
		r = grubcfg_strip(buf_data(&b), buf_len(&b), &rest);
	if (r < 0 && r != -ENOENT && r != -EBADMSG)
		return kf_err(err, r, KF_REASON_IO, "read %s/" CUSTOM ": %m", g->path);
	if (r == 0 && buf_len(&rest) == 0) {
		if (unlinkat(g->fd, CUSTOM, 0) < 0)
			return kf_err(err, -errno, KF_REASON_IO,
				      "remove %s/" CUSTOM ": %m", g->path);
	} else if (r == 0 && buf_len(&rest) != buf_len(&b)) {
		if (fstatat(g->fd, CUSTOM, &st, 0) < 0)
			st.st_mode = 0644;
		r = put_text(g, CUSTOM, &rest, st.st_mode & 0777, err);
		if (r < 0)
			return r;
	}
	r = fs_remove_tree(g->fd, OURS);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "remove %s/" OURS ": %m", g->path);
	return 0;
}

static int grub_remove(const struct agent *a, const char *slot, struct kf_error *err)
{
	_grubdir_ struct grubdir g = {.fd = -1};
	char dir[SLOT_DIR];
	int r;

	r = slot_dir(slot, dir, err);
	if (r == 0)
		r = grubdir_open(a, &g, err);
	if (r == 0)
		tidy(&g, dir);
	if (r == 0)
		r = forget(&g, slot, err);
	if (r == 0)
		r = drop_entry(&g, dir, err);
	if (r < 0)
		return r;
	r = fs_remove_tree(g.fd, dir);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "remove %s/%s: %m", g.path, dir);
	if (fs_exists(g.fd, OURS) && !bootslot_any(g.fd, OURS)) {
		r = leave(&g, err);
		if (r < 0)
			return r;
	}
	/* Before the state forgets the slot: nobody would look for what is left of it. */
	r = fs_exists(g.fd, OURS) ? fs_sync_dir(g.fd, OURS) : 0;
	if (r == 0)
		r = fs_sync_dir(g.fd, ".");
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "flush %s: %m", g.path);
	return 0;
}

/* GRUB's paths are those of its file system: /boot may be a part of them or not. */
static int board_path(const struct agent *a, const char *path, char **ret)
{
	const char *boot = a->conf.boot_dir ? a->conf.boot_dir : "/boot";
	const char *const tops[] = {boot, ""};

	for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
		_free_ char *there = NULL, *full = NULL;

		if (asprintf(&there, "%s%s", tops[i], path) < 0)
			return -ENOMEM;
		full = agent_path(a, there);
		if (!full)
			return -ENOMEM;
		if (fs_exists(AT_FDCWD, full)) {
			*ret = TAKE_PTR(there);
			return 0;
		}
	}
	return -ENOENT;
}

static int grub_running_initrd(const struct agent *a, char **ret_path)
{
	_free_ char *image = NULL, *initrd = NULL;
	_grubdir_ struct grubdir g = {.fd = -1};
	_buf_ struct buf b = BUF_INIT;
	struct cmdword word;
	int r;

	if (!cmdword_find(a->boot.cmdline, CMDWORD_IMAGE, &word))
		return -ENOENT;
	word = cmdword_value(&word);
	image = strndup(word.s, word.n);
	if (!image)
		return -ENOMEM;
	if (grubdir_open(a, &g, NULL) < 0 ||
	    fs_read_file(g.fd, "grub.cfg", GRUBCFG_MAX, &b) < 0)
		return -ENOENT;
	r = grubcfg_initrd(buf_data(&b), buf_len(&b), image, &initrd);
	if (r < 0)
		return r;
	if (initrd[0] != '/' || !text_is_path(initrd + 1, strlen(initrd + 1)))
		return -ENOENT;
	return board_path(a, initrd, ret_path);
}

const struct boot_chain boot_grub = {
	.name = "grub",
	.probe = grub_probe,
	.space = grub_space,
	.stage = grub_stage,
	.arm = grub_arm,
	.read_back = grub_read_back,
	.disarm = grub_disarm,
	.commit = grub_commit,
	.remove = grub_remove,
	.running_initrd = grub_running_initrd,
};
