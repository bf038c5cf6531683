/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What systemd-boot tells about itself (systemd's BOOT_LOADER_INTERFACE), and how it
 * chooses its default (systemd-boot(7), loader.conf(5)).
 */
#include "agent/boot/sd/sdloader.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <strings.h>

#include "agent/boot/efi/efidir.h"
#include "agent/boot/efi/efivar.h"
#include "agent/boot/keyline.h"
#include "agent/boot/sd/bls.h"
#include "agent/boot/sd/sdentry.h"
#include "proto/base/fs.h"
#include "proto/base/le.h"
#include "proto/reason.h"

/* EFI_LOADER_FEATURE_ENTRY_ONESHOT in systemd's src/fundamental/efivars-fundamental.h */
#define FEATURE_ONESHOT	 (UINT64_C(1) << 3)
#define LOADER_CONF_MAX	 (64u * 1024)
#define VAR_DEFAULT_NAME EFIVAR_LOADER("LoaderEntryDefault")

static int check_info(const char *info, struct kf_error *err)
{
	if (strncmp(info, "systemd-boot ", 13) == 0)
		return 0;
	if (strncasecmp(info, "steamcl", 7) == 0)
		return kf_err(
			err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			"the boot loader is SteamOS's own (\"%s\"): its "
			"LoaderEntryOneShot looks like systemd-boot's but chooses a "
			"system image (A or B), not a kernel; use another boot chain",
			info);
	return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
		      "the boot loader is \"%s\", not systemd-boot; use another boot "
		      "chain",
		      info);
}

static int check_features(int vars, struct kf_error *err)
{
	_buf_ struct buf b = BUF_INIT;
	uint64_t features;
	int r;

	r = efivar_read(vars, EFIVAR_LOADER("LoaderFeatures"), NULL, &b);
	if (r < 0 && r != -ENOENT)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "read the EFI variable LoaderFeatures: %m");
	features = le_get(buf_data(&b), buf_len(&b) < 8 ? buf_len(&b) : 8);
	if (!(features & FEATURE_ONESHOT))
		return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			      "this systemd-boot cannot start an entry once "
			      "(LoaderFeatures 0x%llx): update it with bootctl update",
			      (unsigned long long)features);
	return 0;
}

int sdloader_open(const struct agent *a, int *ret_vars, char **ret_info,
		  struct kf_error *err)
{
	_free_ char *info = NULL;
	_close_ int vars = -1;
	int r;

	r = efidir_open(a, &vars, err);
	if (r < 0)
		return r;
	r = efivar_read_string(vars, EFIVAR_LOADER("LoaderInfo"), &info);
	if (r == -ENOENT)
		return kf_err(
			err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			"no boot loader has left a LoaderInfo: systemd-boot did not "
			"start this board");
	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "read the EFI variable LoaderInfo: %m");
	r = check_info(info, err);
	if (r == 0)
		r = check_features(vars, err);
	if (r < 0)
		return r;
	*ret_vars = TAKE_FD(vars);
	if (ret_info)
		*ret_info = TAKE_PTR(info);
	return 0;
}

/* As systemd-boot matches, and as older ones did, which left ".conf" out of the id. */
static bool pattern_matches(const char *pattern, const char *entry)
{
	_free_ char *bare = strndup(entry, strlen(entry) - strlen(".conf"));

	return fnmatch(pattern, entry, FNM_CASEFOLD) == 0 ||
	       (bare && fnmatch(pattern, bare, FNM_CASEFOLD) == 0);
}

static int check_loader_conf(const struct bootdir *d, const char *entry,
			     struct kf_error *err)
{
	_buf_ struct buf b = BUF_INIT;
	const char *text, *end;
	struct keyline l;
	int r;

	r = fs_read_file(d->fd, "loader/loader.conf", LOADER_CONF_MAX, &b);
	if (r == -ENOENT)
		return 0;
	text = r < 0 ? NULL : buf_str(&b);
	if (!text)
		return kf_err(err, r < 0 ? r : -ENOMEM, KF_REASON_IO,
			      "read %s/loader/loader.conf: %m", d->path);
	end = text + strlen(text);
	while (keyline_next(&text, end, &l)) {
		_free_ char *pattern = NULL;

		if (!keyline_is(&l, "default") && !keyline_is(&l, "preferred"))
			continue;
		keyline_unquote(&l);
		pattern = strndup(l.value, l.value_len);
		if (!pattern)
			return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
		if (pattern_matches(pattern, entry))
			return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
				      "the default \"%s\" in %s/loader/loader.conf would "
				      "also choose a trial kernel: make it name your own "
				      "entries only",
				      pattern, d->path);
	}
	return 0;
}

static int check_default_var(int vars, const char *entry, struct kf_error *err)
{
	_free_ char *value = NULL;
	int r = efivar_read_string(vars, VAR_DEFAULT_NAME, &value);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "read the EFI variable LoaderEntryDefault: %m");
	if (!sdentry_is_ours(value) && pattern_matches(value, entry))
		return kf_err(
			err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			"the default \"%s\" in the EFI variable LoaderEntryDefault "
			"would also choose a trial kernel: bootctl set-default with "
			"the name of one entry",
			value);
	return 0;
}

/* systemd-boot falls back to the first entry that it did not find by itself and that has
 * tries left; unified kernels count. */
static bool has_other_entry(const struct bootdir *d)
{
	_closedir_ DIR *entries = NULL, *unified = NULL;
	struct dirent *e;
	bool found = false;
	int r;

	r = fs_dir_stream(fs_open_dir(d->fd, "loader/entries"), &entries);
	while (r == 0 && !found && (e = readdir(entries))) {
		char id[NAME_MAX + 1];
		int tries;

		found = bls_file_id(e->d_name, id, &tries) == 0 && tries != 0 &&
			!sdentry_is_ours(id);
	}
	if (fs_dir_stream(fs_open_dir(d->fd, "EFI/Linux"), &unified) < 0)
		return found;
	while (!found && (e = readdir(unified)))
		found = fnmatch("*.efi", e->d_name, FNM_CASEFOLD) == 0;
	return found;
}

int sdloader_check_default(int vars, const struct bootdirs *dirs, const char *entry,
			   struct kf_error *err)
{
	bool other = false;
	int r;

	for (size_t i = 0; i < dirs->n; i++) {
		r = check_loader_conf(&dirs->v[i], entry, err);
		if (r < 0)
			return r;
		other = other || has_other_entry(&dirs->v[i]);
	}
	r = check_default_var(vars, entry, err);
	if (r < 0)
		return r;
	if (!other)
		return kf_err(
			err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			"%s has no other boot entry for systemd-boot to return to: "
			"a trial kernel would become the default; make an entry for "
			"the board's own kernel (kernel-install add)",
			dirs->v[0].path);
	return 0;
}
