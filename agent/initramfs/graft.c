/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grafting: which modules, and the file.  The base is read twice, once for the names in
 * it and once to copy it; nothing of it is kept in memory.
 */
#include "agent/initramfs/graft.h"

#include <fcntl.h>
#include <string.h>

#include "agent/initramfs/cpio_scan.h"
#include "agent/initramfs/decomp.h"
#include "agent/initramfs/modcpio.h"
#include "agent/initramfs/moddep.h"
#include "agent/slot/kconfig.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/reason.h"

#define COPY_STEP (128u * 1024)

/* What the scan finds. */
struct found {
	struct moddep *deps;
	const char *prefix; /* "usr/lib/modules" or "lib/modules", NULL: no modules */
	size_t selected, builtin, missing;
};

static int see_member(void *arg, const char *path)
{
	static const char *const prefixes[] = {"usr/lib/modules", "lib/modules"};
	struct found *f = arg;
	char name[MODDEP_NAME];

	path += *path == '/';
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t n = strlen(prefixes[i]);

		if (strncmp(path, prefixes[i], n) != 0 || path[n] != '/')
			continue;
		if (!f->prefix)
			f->prefix = prefixes[i];
		if (!moddep_name(path, name))
			return 0;
		switch (moddep_select(f->deps, name)) {
		case MODDEP_SELECTED:
			f->selected++;
			break;
		case MODDEP_BUILTIN:
			f->builtin++;
			break;
		case MODDEP_MISSING:
			f->missing++;
			log_debug("graft missing=%s", name);
			break;
		}
		return 0;
	}
	return 0;
}

/* Can the new kernel unpack what the base is made of? */
static int check_formats(const struct slot *s, const char *base, unsigned formats,
			 struct kf_error *err)
{
	for (unsigned f = DECOMP_NONE + 1; f < DECOMP_FORMATS; f++) {
		const char *option = decomp_option(f);

		if ((formats & 1u << f) && kconfig_builtin(s->fd, option) == 0)
			return kf_err(err, -ENOTSUP, KF_REASON_INITRAMFS,
				      "%s is compressed with %s, which the new kernel "
				      "cannot unpack: build it with %s=y",
				      base, decomp_name(f), option);
	}
	return 0;
}

static int scan_failed(const struct initramfs_base *base, int r, unsigned formats,
		       struct kf_error *err)
{
	unsigned f = DECOMP_FORMATS - 1;

	if (r == -EOPNOTSUPP) {
		while (f > DECOMP_NONE && !(formats & 1u << f))
			f--;
		return kf_err(
			err, r, KF_REASON_INITRAMFS,
			"%s is compressed with %s, which the agent does not unpack; "
			"use initramfs = distro",
			base->name, decomp_name(f));
	}
	if (r == -EMSGSIZE)
		return kf_err(
			err, r, KF_REASON_INITRAMFS,
			"unpacking %s takes more memory than the agent may use; use "
			"initramfs = distro",
			base->name);
	if (r == -ECANCELED)
		return kf_err(err, r, KF_REASON_CANCELLED, "read %s: %m", base->name);
	if (r == -EBADMSG)
		return kf_err(err, r, KF_REASON_INITRAMFS,
			      "%s is damaged or not an initramfs", base->name);
	return kf_err(err, r, KF_REASON_IO, "read %s: %m", base->name);
}

static int copy_base(const struct initramfs_base *base, int out,
		     const atomic_bool *cancel)
{
	static const uint8_t zeros[4];
	_free_ uint8_t *step = malloc(COPY_STEP);
	uint64_t at = 0;
	int r;

	if (!step)
		return -ENOMEM;
	while (at < base->len) {
		uint64_t left = base->len - at;
		ssize_t n = pread(base->fd, step,
				  left < COPY_STEP ? (size_t)left : COPY_STEP, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		if (cancel && atomic_load(cancel))
			return -ECANCELED;
		r = fs_write_all(out, step, (size_t)n);
		if (r < 0)
			return r;
		at += (uint64_t)n;
	}
	return fs_write_all(out, zeros, (4 - base->len % 4) % 4);
}

static int open_modules(const struct slot *s, int *ret_fd, struct moddep **ret,
			struct kf_error *err)
{
	_free_ char *rel = NULL;
	int fd, r;

	if (asprintf(&rel, "modules/%s", s->manifest.release) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "read modules.dep: %m");
	fd = fs_open_beneath(s->fd, rel, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return kf_err(err, fd, KF_REASON_INITRAMFS,
			      "the package has no modules (%s): a graft needs them; use "
			      "initramfs = none for a kernel without modules",
			      rel);
	r = moddep_load(fd, ret);
	if (r < 0) {
		close(fd);
		return kf_err(err, r, KF_REASON_INITRAMFS,
			      "read %s/modules.dep: %m; pack again after depmod %s", rel,
			      s->manifest.release);
	}
	*ret_fd = fd;
	return 0;
}

static void free_deps(struct moddep **m)
{
	moddep_free(*m);
}

int graft_write(const struct initramfs_base *base, const struct slot *s, bool all,
		int out_fd, const atomic_bool *cancel, struct kf_error *err)
{
	_cleanup_(free_deps) struct moddep *deps = NULL;
	struct found found = {.prefix = NULL};
	_close_ int modules = -1;
	unsigned formats = 0;
	int r;

	r = open_modules(s, &modules, &deps, err);
	if (r < 0)
		return r;
	found.deps = deps;
	r = cpio_scan(base->fd, base->len, cancel, see_member, &found, &formats);
	if (r < 0)
		return scan_failed(base, r, formats, err);
	r = check_formats(s, base->name, formats, err);
	if (r < 0)
		return r;
	r = copy_base(base, out_fd, cancel);
	if (r < 0)
		return kf_err(err, r,
			      r == -ENOSPC	? KF_REASON_SPACE
			      : r == -ECANCELED ? KF_REASON_CANCELLED
						: KF_REASON_IO,
			      "copy %s: %m", base->name);
	log_info("graft base=%s modules=%zu builtin=%zu missing=%zu",
		 found.prefix ? found.prefix : "none", found.selected, found.builtin,
		 found.missing);
	if (!found.prefix)
		return 0;
	if (all)
		moddep_select_all(deps);
	return modcpio_write(modules, s->manifest.release, deps, found.prefix,
			     kconfig_builtin(s->fd, "CONFIG_RD_ZSTD") > 0, out_fd, cancel,
			     err);
}
