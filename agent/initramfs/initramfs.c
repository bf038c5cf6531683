/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which initramfs a slot gets, and its file: written beside its place, flushed, renamed.
 */
#include "agent/initramfs/initramfs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/initramfs/base.h"
#include "agent/initramfs/distro.h"
#include "agent/initramfs/graft.h"
#include "agent/initramfs/graftkey.h"
#include "agent/slot/kconfig.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/reason.h"

#define FILE_NAME "initrd"
#define TMP_NAME  FS_TMP_PREFIX "initrd"
#define PACKAGED  "boot/initrd"
/* What is reckoned where there is nothing to measure by: a Debian initramfs with most
 * modules has 40 MiB. */
#define GUESS	  (UINT64_C(64) << 20)
#define SMALL_MIN (UINT64_C(16) << 20)

static int make_none(const struct slot *s, struct initramfs_result *ret,
		     struct kf_error *err)
{
	if (unlinkat(s->fd, FILE_NAME, 0) < 0 && errno != ENOENT)
		return kf_err(err, -errno, KF_REASON_IO,
			      "remove the old initramfs of slot %s: %m", s->id);
	*ret = (struct initramfs_result){.how = "none"};
	return 0;
}

static int open_tmp(const struct slot *s, int *ret, struct kf_error *err)
{
	int fd;

	if (unlinkat(s->fd, TMP_NAME, 0) < 0 && errno != ENOENT)
		return kf_err(err, -errno, KF_REASON_IO, "remove " TMP_NAME ": %m");
	fd = fs_open_beneath(s->fd, TMP_NAME, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return kf_err(err, fd, KF_REASON_IO, "make " TMP_NAME ": %m");
	*ret = fd;
	return 0;
}

/* Give what TMP_NAME holds its name. */
static int keep(const struct slot *s, struct kf_error *err)
{
	_close_ int fd = fs_open_beneath(s->fd, TMP_NAME, O_RDONLY, 0);
	struct stat st;
	int r;

	if (fd < 0)
		return kf_err(err, fd, KF_REASON_IO, "open the new initramfs: %m");
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
		return kf_err(err, -EBADMSG, KF_REASON_INITRAMFS,
			      "the new initramfs is empty");
	if (fsync(fd) < 0 || renameat(s->fd, TMP_NAME, s->fd, FILE_NAME) < 0)
		return kf_err(err, -errno,
			      errno == ENOSPC ? KF_REASON_SPACE : KF_REASON_IO,
			      "keep the new initramfs: %m");
	r = fs_sync_dir(s->fd, ".");
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "flush the new initramfs: %m");
	/* Two names of one file: the rename did nothing. */
	if (unlinkat(s->fd, TMP_NAME, 0) < 0 && errno != ENOENT)
		return kf_err(err, -errno, KF_REASON_IO, "remove " TMP_NAME ": %m");
	return 0;
}

static int make_package(const struct slot *s, struct initramfs_result *ret,
			struct kf_error *err)
{
	_close_ int in = -1, out = -1;
	int r;

	r = open_tmp(s, &out, err);
	if (r < 0)
		return r;
	in = fs_open_beneath(s->fd, PACKAGED, O_RDONLY, 0);
	r = in < 0 ? in : fs_copy_fd(in, out, NULL);
	if (r < 0)
		return kf_err(err, r, r == -ENOSPC ? KF_REASON_SPACE : KF_REASON_IO,
			      "copy the package's initramfs: %m");
	*ret = (struct initramfs_result){.how = "package"};
	return 0;
}

static int write_graft(const struct initramfs_base *base, const struct slot *s, bool all,
		       const atomic_bool *cancel, struct kf_error *err)
{
	_close_ int out = -1;
	int r = open_tmp(s, &out, err);

	return r < 0 ? r : graft_write(base, s, all, out, cancel, err);
}

static int make_graft(const struct agent *a, const struct boot_chain *chain,
		      const struct slot *s, bool all, const atomic_bool *cancel,
		      struct initramfs_result *ret, struct kf_error *err)
{
	struct initramfs_result made = {.how = all ? "graft-all" : "graft"};
	_base_ struct initramfs_base base = {.fd = -1};
	int r;

	r = initramfs_base_open(a, chain, &base, err);
	if (r < 0)
		return r;
	made.base_len = base.len;
	made.keyed = graftkey_make(&base, s, all, cancel, &made.key) == 0;
	if (unlinkat(s->fd, TMP_NAME, 0) < 0 && errno != ENOENT)
		return kf_err(err, -errno, KF_REASON_IO, "remove " TMP_NAME ": %m");
	if (!made.keyed || graftkey_reuse(a, s, &made.key, TMP_NAME) == 0)
		r = write_graft(&base, s, all, cancel, err);
	if (r == 0)
		*ret = made;
	return r;
}

static int make_distro(const struct agent *a, const struct slot *s,
		       const atomic_bool *cancel, struct initramfs_result *ret,
		       struct kf_error *err)
{
	int r;

	if (unlinkat(s->fd, TMP_NAME, 0) < 0 && errno != ENOENT)
		return kf_err(err, -errno, KF_REASON_IO, "remove " TMP_NAME ": %m");
	r = distro_make(a, s, TMP_NAME, cancel, err);
	if (r < 0)
		return r;
	*ret = (struct initramfs_result){.how = "distro"};
	return 0;
}

/* Does this board do without one?  An error is for graft to tell. */
static bool board_has_none(const struct agent *a, const struct boot_chain *chain)
{
	_base_ struct initramfs_base base = {.fd = -1};

	return initramfs_base_open(a, chain, &base, NULL) == -ENOENT;
}

static int make_auto(const struct agent *a, const struct boot_chain *chain,
		     const struct slot *s, const atomic_bool *cancel,
		     struct initramfs_result *ret, struct kf_error *err)
{
	struct kf_error graft = {0}, distro = {0};
	int r;

	r = make_graft(a, chain, s, false, cancel, ret, &graft);
	if (r == 0 || r == -ECANCELED || r == -ENOSPC || r == -ENOMEM) {
		if (r < 0 && err)
			*err = graft;
		return r;
	}
	log_warn("initramfs graft=failed why=\"%s\"", graft.msg);
	r = make_distro(a, s, cancel, ret, &distro);
	if (r == 0)
		return 0;
	return kf_err(err, r, distro.reason,
		      "no initramfs can be made: by graft: %s; by the distribution's "
		      "generator: %s",
		      graft.msg, distro.msg);
}

static int make(const struct agent *a, const struct boot_chain *chain,
		const struct slot *s, Kferry__Initramfs mode, const atomic_bool *cancel,
		struct initramfs_result *ret, struct kf_error *err)
{
	bool packaged = manifest_find(&s->manifest, PACKAGED) >= 0;
	int can = kconfig_builtin(s->fd, "CONFIG_BLK_DEV_INITRD");

	switch (mode) {
	case KFERRY__INITRAMFS__INITRAMFS_NONE:
		return make_none(s, ret, err);
	case KFERRY__INITRAMFS__INITRAMFS_UNSPECIFIED:
	case KFERRY__INITRAMFS__INITRAMFS_AUTO:
		if (can == 0 || (!packaged && board_has_none(a, chain)))
			return make_none(s, ret, err);
		return packaged ? make_package(s, ret, err)
				: make_auto(a, chain, s, cancel, ret, err);
	case KFERRY__INITRAMFS__INITRAMFS_GRAFT:
	case KFERRY__INITRAMFS__INITRAMFS_GRAFT_ALL:
	case KFERRY__INITRAMFS__INITRAMFS_DISTRO:
		break;
	default:
		return kf_err(err, -EINVAL, KF_REASON_INVALID,
			      "there is no initramfs mode %d", (int)mode);
	}
	if (can == 0)
		return kf_err(err, -ENOTSUP, KF_REASON_INITRAMFS,
			      "the new kernel cannot unpack an initramfs: build it with "
			      "CONFIG_BLK_DEV_INITRD=y, or use initramfs = none");
	if (packaged)
		return make_package(s, ret, err);
	if (mode != KFERRY__INITRAMFS__INITRAMFS_DISTRO)
		return make_graft(a, chain, s,
				  mode == KFERRY__INITRAMFS__INITRAMFS_GRAFT_ALL, cancel,
				  ret, err);
	return make_distro(a, s, cancel, ret, err);
}

int initramfs_make(const struct agent *a, const struct boot_chain *chain,
		   const struct slot *s, Kferry__Initramfs mode,
		   const atomic_bool *cancel, struct initramfs_result *ret,
		   struct kf_error *err)
{
	struct initramfs_result result = {.how = NULL};
	int r;

	r = initramfs_base_remember(a, chain, err);
	graftkey_forget(s);
	if (r == 0)
		r = make(a, chain, s, mode, cancel, &result, err);
	if (r == 0 && strcmp(result.how, "none") != 0)
		r = keep(s, err);
	if (r < 0) {
		unlinkat(s->fd, TMP_NAME, 0);
		return r;
	}
	if (result.keyed)
		graftkey_note(s, &result.key);
	*ret = result;
	return 0;
}

uint64_t initramfs_least(const struct agent *a, const struct boot_chain *chain,
			 Kferry__Initramfs mode)
{
	_base_ struct initramfs_base base = {.fd = -1};

	if (mode == KFERRY__INITRAMFS__INITRAMFS_NONE ||
	    mode == KFERRY__INITRAMFS__INITRAMFS_DISTRO ||
	    initramfs_base_open(a, chain, &base, NULL) < 0)
		return 0;
	return base.len;
}

uint64_t initramfs_estimate(const struct agent *a, const struct boot_chain *chain,
			    Kferry__Initramfs mode)
{
	_base_ struct initramfs_base base = {.fd = -1};
	uint64_t twice;
	int r;

	if (mode == KFERRY__INITRAMFS__INITRAMFS_NONE)
		return 0;
	r = initramfs_base_open(a, chain, &base, NULL);
	if (r < 0)
		return mode != KFERRY__INITRAMFS__INITRAMFS_DISTRO && r == -ENOENT
			       ? 0
			       : GUESS;
	/* The new modules are about what the base holds; uncompressed they are more. */
	if (__builtin_mul_overflow(base.len, 2, &twice) ||
	    __builtin_add_overflow(twice, SMALL_MIN, &twice))
		return GUESS;
	return twice;
}
