/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The firmware's own boot manager: the kernel is an EFI program on the ESP, started once
 * by BootNext, which the firmware deletes before it starts anything.
 *
 * On the ESP are EFI/kferry/<slot>/{linux.efi,initrd,cmdline}; cmdline comes last when a
 * slot is staged and goes first when it is removed.  The entry (Boot####) is made when
 * the slot is armed, because some firmware drops entries that BootOrder does not name,
 * and BootOrder only names one of ours after a commit.
 */
#include <fcntl.h>
#include <string.h>

#include "agent/boot/boot.h"
#include "agent/boot/bootfile.h"
#include "agent/boot/bootslot.h"
#include "agent/boot/efi/efiboot.h"
#include "agent/boot/efi/efidir.h"
#include "agent/boot/efi/efivar.h"
#include "agent/boot/efi/esp.h"
#include "agent/boot/efi/loadopt.h"
#include "agent/boot/efi/secureboot.h"
#include "agent/boot/fatdir.h"
#include "proto/base/fs.h"
#include "proto/base/le.h"
#include "proto/base/log.h"
#include "proto/reason.h"
#include "proto/text.h"

#define CMDLINE	     "cmdline"
#define INITRD	     "initrd"
#define CMDLINE_MAX  2047 /* COMMAND_LINE_SIZE of x86 and arm64, without the NUL */
#define FW_SIZE_PATH "/sys/firmware/efi/fw_platform_size"

static const struct bootslot_names file_names = {EFIBOOT_IMAGE, INITRD};

/* The variables and the partition, for one operation. */
struct efi {
	struct esp esp;
	int vars;
	struct efiboot boot;
	char dir[EFIBOOT_PATH]; /* the slot's, on the ESP */
};
#define EFI_INIT                                                                         \
	{                                                                                \
		.esp.fd = -1, .vars = -1                                                 \
	}

static void efi_close(struct efi *e)
{
	esp_close(&e->esp);
	cleanup_close(&e->vars);
}
#define _efi_ _cleanup_(efi_close)

static int slot_dir(const char *slot, char dst[static EFIBOOT_PATH], struct kf_error *err)
{
	if (!text_is_slot(slot))
		return kf_err(err, -EINVAL, KF_REASON_INVALID,
			      "\"%s\" is not a slot's name", slot);
	snprintf(dst, EFIBOOT_PATH, EFIBOOT_DIR "/%s", slot);
	return 0;
}

static int load_vars(struct efi *e, struct kf_error *err)
{
	int r = efiboot_load(e->vars, &e->boot);

	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "read BootOrder, BootNext and the boot entries: %m");
	return 0;
}

/* slot may be NULL. */
static int efi_open(const struct agent *a, const char *slot, struct efi *e,
		    struct kf_error *err)
{
	int r = 0;

	if (slot)
		r = slot_dir(slot, e->dir, err);
	if (r == 0)
		r = efidir_open(a, &e->vars, err);
	if (r == 0)
		r = esp_find(a, &e->esp, err);
	return r < 0 ? r : load_vars(e, err);
}

/* A 64-bit kernel is started by 32-bit firmware only through a loader. */
static int check_bits(const struct agent *a, struct kf_error *err)
{
	_free_ char *bits = agent_line(a, FW_SIZE_PATH);

	if (!bits || strcmp(bits, "32") != 0 || !strstr(a->boot.machine, "64"))
		return 0;
	return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
		      "the firmware has 32 bits and cannot start a 64-bit kernel by "
		      "itself: use the boot chain grub");
}

static int check_usable(const struct agent *a, const struct efi *e, struct kf_error *err)
{
	int r;

	if (e->esp.read_only)
		return kf_err(err, -EROFS, KF_REASON_READ_ONLY,
			      "%s is mounted read-only: after checking why, mount -o "
			      "remount,rw %s",
			      e->esp.path, e->esp.path);
	r = fatdir_check_clean(a, e->esp.path, err);
	return r < 0 ? r : check_bits(a, err);
}

static int efi_probe(const struct agent *a, char note[256], struct kf_error *err)
{
	_efi_ struct efi e = EFI_INIT;
	int r;

	r = efi_open(a, NULL, &e, err);
	if (r == 0)
		r = check_usable(a, &e, err);
	if (r < 0)
		return r;
	snprintf(note, 256, "UEFI BootNext, kernels in %s/" EFIBOOT_DIR "%s", e.esp.path,
		 secureboot_is_on(a) ? "; Secure Boot is on: signed kernels only" : "");
	return 0;
}

static int check_image(const struct agent *a, const struct slot *s, int fd,
		       struct kf_error *err)
{
	char magic[2];

	if (pread(fd, magic, 2, 0) != 2 || memcmp(magic, "MZ", 2) != 0)
		return kf_err(err, -ENOEXEC, KF_REASON_BOOT_CHAIN,
			      "%s is not an EFI program, which is all that the firmware "
			      "starts: build the kernel with CONFIG_EFI_STUB=y and send "
			      "bzImage, Image or vmlinuz.efi",
			      s->manifest.image);
	return secureboot_check(a, SECUREBOOT_FIRMWARE, fd, s->manifest.image, err);
}

/* What the kernel's EFI stub is given: it reads the initramfs from its own volume. */
static int make_cmdline(const struct slot *s, bool initrd, struct buf *out,
			struct kf_error *err)
{
	const char *given = s->conf.cmdline ? s->conf.cmdline : "";
	int r = 0;

	if (initrd)
		r = buf_printf(out, "initrd=\\EFI\\kferry\\%s\\" INITRD " ", s->id);
	if (r == 0)
		r = buf_printf(out, "%s", given);
	if (r < 0)
		return kf_err(err, r, KF_REASON_NO_MEMORY, "stage slot %s: %m", s->id);
	if (!text_is_line(given, CMDLINE_MAX) || buf_len(out) > CMDLINE_MAX)
		return kf_err(err, -EINVAL, KF_REASON_INVALID,
			      "the command line of %s is empty, has line breaks, or is "
			      "longer than the %d bytes that the kernel takes from the "
			      "firmware",
			      s->id, CMDLINE_MAX);
	return 0;
}

static int drop_cmdline(const struct efi *e, struct kf_error *err)
{
	char rel[EFIBOOT_PATH + sizeof(CMDLINE)];
	int r;

	snprintf(rel, sizeof(rel), "%s/" CMDLINE, e->dir);
	r = fs_remove_flushed(e->esp.fd, rel);
	return r < 0 ? kf_err(err, r, KF_REASON_IO, "remove %s/%s: %m", e->esp.path, rel)
		     : 0;
}

/* An entry of files that are about to change must not be started. */
static int retract(struct efi *e, const char *slot, struct kf_error *err)
{
	const char *next = efiboot_slot(&e->boot, e->boot.next);
	int r = 0;

	if (next && strcmp(next, slot) == 0)
		r = efiboot_clear_next(&e->boot);
	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN, "delete BootNext: %m");
	return drop_cmdline(e, err);
}

static int put_files(struct efi *e, const struct slot *s, const struct bootslot *b,
		     const struct buf *cmdline, struct kf_error *err)
{
	struct digest digest;
	_close_ int fd = -1;
	int r;

	bootfile_tidy(e->esp.fd, e->dir);
	fd = bootfile_dir(e->esp.fd, e->esp.path, e->dir, err);
	if (fd < 0)
		return fd;
	digest_bytes(buf_data(cmdline), buf_len(cmdline), &digest);
	if (bootslot_has(b, fd, &file_names) > 0 &&
	    bootfile_has(fd, CMDLINE, &digest) > 0)
		return 0;
	r = retract(e, s->id, err);
	if (r == 0)
		r = bootslot_put(b, fd, &file_names, e->esp.path, err);
	if (r < 0)
		return r;
	r = bootfile_write(fd, CMDLINE, buf_data(cmdline), buf_len(cmdline), 0644);
	if (r < 0)
		return kf_err(err, r, r == -ENOSPC ? KF_REASON_SPACE : KF_REASON_IO,
			      "write %s/%s/" CMDLINE ": %m", e->esp.path, e->dir);
	return 0;
}

static int efi_stage(const struct agent *a, const struct slot *s, int initrd_fd,
		     struct kf_error *err)
{
	_bootslot_ struct bootslot files = {.image = -1};
	_buf_ struct buf cmdline = BUF_INIT;
	_efi_ struct efi e = EFI_INIT;
	int r;

	r = efi_open(a, s->id, &e, err);
	if (r == 0)
		r = check_usable(a, &e, err);
	if (r == 0)
		r = make_cmdline(s, initrd_fd >= 0, &cmdline, err);
	if (r == 0)
		r = bootslot_open(s, initrd_fd, &files, err);
	if (r == 0)
		r = check_image(a, s, files.image, err);
	return r < 0 ? r : put_files(&e, s, &files, &cmdline, err);
}

static bool has_file(const struct efi *e, const char *name)
{
	char rel[EFIBOOT_PATH + 16];

	snprintf(rel, sizeof(rel), "%s/%s", e->dir, name);
	return bootfile_there(e->esp.fd, rel);
}

/* The value that the slot's entry shall have; the slot has to be staged. */
static int make_entry(const struct efi *e, const char *slot, struct buf *out,
		      struct kf_error *err)
{
	_buf_ struct buf cmdline = BUF_INIT, data = BUF_INIT;
	char rel[EFIBOOT_PATH + sizeof(CMDLINE)], text[32], file[EFIBOOT_PATH];
	struct loadopt o = {.attributes = LOADOPT_ACTIVE,
			    .description = text,
			    .has_partition = true,
			    .partition = e->esp.partition,
			    .file = file};
	const char *line = NULL;
	int r;

	snprintf(rel, sizeof(rel), "%s/" CMDLINE, e->dir);
	r = fs_read_file(e->esp.fd, rel, CMDLINE_MAX, &cmdline);
	if (r == 0)
		line = buf_str(&cmdline);
	if (!line || !has_file(e, EFIBOOT_IMAGE) ||
	    (strncmp(line, "initrd=", 7) == 0 && !has_file(e, INITRD)))
		return kf_err(err, -ENOENT, KF_REASON_BOOT_CHAIN,
			      "%s/%s is not there or not whole: deploy slot %s again",
			      e->esp.path, e->dir, slot);
	snprintf(text, sizeof(text), "kferry %s", slot);
	snprintf(file, sizeof(file), "\\EFI\\kferry\\%s\\" EFIBOOT_IMAGE, slot);
	r = efivar_utf16_encode(line, &data);
	o.data = data.data ? data.data + data.start : NULL;
	o.n_data = buf_len(&data);
	if (r == 0)
		r = loadopt_encode(&o, out);
	if (r < 0)
		return kf_err(err, r, KF_REASON_INVALID, "make a boot entry for %s: %m",
			      slot);
	return 0;
}

static int var_failed(const struct efi *e, const char *what, int r, struct kf_error *err)
{
	unsigned dumps = efiboot_dumps(e->vars);

	if (r != -ENOSPC && r != -EIO && r != -ENOMEM)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN, "write %s: %m", what);
	return kf_err(err, r, KF_REASON_BOOT_CHAIN,
		      "the firmware did not keep %s: %m; its store may be full: save and "
		      "delete the crash records in /sys/fs/pstore (%u of them are kept "
		      "there), then boot entries that nobody needs (efibootmgr -B -b "
		      "NUMBER)",
		      what, dumps);
}

static int put_entry(struct efi *e, const char *slot, uint16_t *ret_number,
		     struct kf_error *err)
{
	_buf_ struct buf entry = BUF_INIT;
	int r;

	r = make_entry(e, slot, &entry, err);
	if (r < 0)
		return r;
	r = efiboot_put(&e->boot, slot, buf_data(&entry), buf_len(&entry), ret_number);
	return r < 0 ? var_failed(e, "a boot entry", r, err) : 0;
}

/* Away with entries of ours that neither BootNext nor the default needs, from BootOrder
 * too: some firmware adds there what it finds. */
static int tidy(struct efi *e, struct kf_error *err)
{
	int def = efiboot_default(&e->boot), r;

	r = efiboot_set_order(&e->boot, def);
	if (r < 0)
		return var_failed(e, "BootOrder", r, err);
	r = efiboot_prune(&e->boot, NULL, def);
	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "delete a boot entry of kferry's: %m");
	return 0;
}

static int efi_arm(const struct agent *a, const char *slot, struct kf_error *err)
{
	_efi_ struct efi e = EFI_INIT;
	uint16_t number;
	int r;

	r = efi_open(a, slot, &e, err);
	if (r == 0)
		r = check_usable(a, &e, err);
	if (r < 0)
		return r;
	if (e.boot.next >= 0 && !efiboot_slot(&e.boot, e.boot.next))
		return kf_err(err, -EBUSY, KF_REASON_BOOT_CHAIN,
			      "BootNext is set to Boot%04X by somebody else (a firmware "
			      "update?): reboot first, or efibootmgr -N",
			      (unsigned)e.boot.next);
	/* Before anything is written, so that a full store has the more room. */
	r = efiboot_clear_next(&e.boot);
	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN, "delete BootNext: %m");
	r = tidy(&e, err);
	if (r == 0)
		r = put_entry(&e, slot, &number, err);
	if (r < 0)
		return r;
	r = efiboot_set_next(&e.boot, number);
	return r < 0 ? var_failed(&e, "BootNext", r, err) : 0;
}

static int efi_read_back(const struct agent *a, const char *slot, struct kf_error *err)
{
	_buf_ struct buf want = BUF_INIT, found = BUF_INIT;
	_efi_ struct efi e = EFI_INIT;
	char name[EFIBOOT_VAR];
	const char *next;
	int r;

	r = efi_open(a, slot, &e, err);
	if (r < 0)
		return r;
	next = efiboot_slot(&e.boot, e.boot.next);
	if (!next || strcmp(next, slot) != 0)
		return kf_err(err, -ENODATA, KF_REASON_BOOT_CHAIN,
			      "BootNext does not name %s: the next boot is not armed for "
			      "it",
			      slot);
	r = make_entry(&e, slot, &want, err);
	if (r < 0)
		return r;
	efiboot_var((uint16_t)e.boot.next, name);
	r = efivar_read(e.vars, name, NULL, &found);
	if (r < 0 || buf_len(&found) != buf_len(&want) ||
	    memcmp(buf_data(&found), buf_data(&want), buf_len(&want)) != 0)
		return kf_err(err, r < 0 ? r : -ENODATA, KF_REASON_BOOT_CHAIN,
			      "the boot entry Boot%04X is not what was written for %s",
			      (unsigned)e.boot.next, slot);
	if (efiboot_in_order(&e.boot, (uint16_t)e.boot.next) &&
	    efiboot_default(&e.boot) != e.boot.next)
		return kf_err(err, -ENODATA, KF_REASON_BOOT_CHAIN,
			      "the firmware has put Boot%04X into BootOrder, so it would "
			      "not start only once",
			      (unsigned)e.boot.next);
	return 0;
}

static int efi_disarm(const struct agent *a, struct kf_error *err)
{
	_efi_ struct efi e = EFI_INIT;
	int r;

	r = efidir_open(a, &e.vars, err);
	if (r == 0)
		r = load_vars(&e, err);
	if (r < 0)
		return r;
	if (efiboot_slot(&e.boot, e.boot.next)) {
		r = efiboot_clear_next(&e.boot);
		if (r < 0)
			return kf_err(err, r, KF_REASON_BOOT_CHAIN,
				      "delete BootNext: %m");
	}
	return tidy(&e, err);
}

static int efi_commit(const struct agent *a, const char *slot, struct kf_error *err)
{
	bool foreign = strcmp(slot, FOREIGN) == 0;
	_efi_ struct efi e = EFI_INIT;
	uint16_t number = 0;
	int r;

	if (foreign) {
		r = efidir_open(a, &e.vars, err);
		if (r == 0)
			r = load_vars(&e, err);
	} else {
		r = efi_open(a, slot, &e, err);
		if (r == 0)
			r = put_entry(&e, slot, &number, err);
	}
	if (r < 0)
		return r;
	r = efiboot_set_order(&e.boot, foreign ? -1 : number);
	if (r < 0)
		return var_failed(&e, "BootOrder", r, err);
	return tidy(&e, err);
}

static int forget(struct efi *e, const char *slot, struct kf_error *err)
{
	int def = efiboot_default(&e->boot), r = 0;
	const char *next = efiboot_slot(&e->boot, e->boot.next);
	const char *first = efiboot_slot(&e->boot, def);

	if (next && strcmp(next, slot) == 0)
		r = efiboot_clear_next(&e->boot);
	if (r == 0)
		r = efiboot_set_order(&e->boot,
				      first && strcmp(first, slot) != 0 ? def : -1);
	if (r == 0)
		r = efiboot_prune(&e->boot, slot, -1);
	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "take slot %s out of the firmware's boot entries: %m",
			      slot);
	return 0;
}

static int efi_remove(const struct agent *a, const char *slot, struct kf_error *err)
{
	_efi_ struct efi e = EFI_INIT;
	int r;

	r = slot_dir(slot, e.dir, err);
	if (r == 0)
		r = esp_find(a, &e.esp, err);
	if (r < 0)
		return r;
	/* A board that was started another way this time still gets rid of the files; the
	 * firmware passes over entries whose file is gone. */
	if (efidir_open(a, &e.vars, NULL) == 0) {
		r = load_vars(&e, err);
		if (r == 0)
			r = forget(&e, slot, err);
		if (r < 0)
			return r;
	} else {
		log_info("remove slot=%s efi=unavailable", slot);
	}
	r = drop_cmdline(&e, err);
	if (r < 0)
		return r;
	r = fs_remove_tree(e.esp.fd, e.dir);
	/* The last slot takes the directory along. */
	if (r == 0)
		r = bootfile_drop_empty(e.esp.fd, EFIBOOT_DIR);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "remove %s/%s: %m", e.esp.path,
			      e.dir);
	/* All of it, at once: a FAT that loses power between a file's clusters and its
	 * name has names that lead nowhere. */
	r = fs_sync_fs(e.esp.fd);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "flush %s: %m", e.esp.path);
	return 0;
}

/* The last initrd= of a command line, as a path; -ENOENT. */
static int initrd_of(const char *cmdline, char **ret)
{
	const char *found = NULL;
	char *path;

	for (const char *p = cmdline; (p = strstr(p, "initrd=")); p += 7)
		if (p == cmdline || p[-1] == ' ')
			found = p + 7;
	if (!found)
		return -ENOENT;
	found += strspn(found, "\\/");
	path = strndup(found, strcspn(found, " "));
	if (!path)
		return -ENOMEM;
	for (char *p = path; *p; p++)
		if (*p == '\\')
			*p = '/';
	*ret = path;
	return 0;
}

/* A board whose own kernel is an entry of the firmware's. */
static int efi_running_initrd(const struct agent *a, char **ret_path)
{
	_free_ char *cmdline = NULL, *rel = NULL, *path = NULL;
	_loadopt_ struct loadopt o = {0};
	_buf_ struct buf b = BUF_INIT;
	_efi_ struct efi e = EFI_INIT;
	char name[EFIBOOT_VAR];

	e.vars = efidir_open_any(a);
	if (e.vars < 0 || esp_find(a, &e.esp, NULL) < 0 ||
	    efivar_read(e.vars, EFIVAR_GLOBAL("BootCurrent"), NULL, &b) < 0 ||
	    buf_len(&b) != 2)
		return -ENOENT;
	efiboot_var(le16(buf_data(&b)), name);
	buf_reset(&b);
	if (efivar_read(e.vars, name, NULL, &b) < 0 ||
	    loadopt_decode(buf_data(&b), buf_len(&b), &o) < 0 || !o.has_partition ||
	    !loadopt_same_partition(&o.partition, &e.esp.partition) ||
	    efivar_utf16_decode(o.data, o.n_data, &cmdline) < 0 ||
	    initrd_of(cmdline, &rel) < 0 || !text_is_path(rel, strlen(rel)) ||
	    !fs_exists(e.esp.fd, rel))
		return -ENOENT;
	if (asprintf(&path, "%s/%s", e.esp.path, rel) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	*ret_path = TAKE_PTR(path);
	return 0;
}

const struct boot_chain boot_efi = {
	.name = "efi-bootnext",
	.probe = efi_probe,
	.space = esp_space,
	.size = esp_size,
	.stage = efi_stage,
	.arm = efi_arm,
	.read_back = efi_read_back,
	.disarm = efi_disarm,
	.commit = efi_commit,
	.remove = efi_remove,
	.running_initrd = efi_running_initrd,
};
