/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FAT file systems among the mounts.
 *
 * While a FAT is mounted for writing its dirty bit is set in any case, so whether it was
 * clean before can only be learnt from what the kernel said when it mounted it.
 */
#include "agent/boot/fatdir.h"

#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>

#include "agent/boot/mountinfo.h"
#include "agent/log/kernsaid.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

int fatdir_has(int fd, const char *name)
{
	if (faccessat(fd, name, F_OK, 0) == 0)
		return 1;
	return errno == ENOENT || errno == EACCES || errno == ENOTDIR ? 0 : -errno;
}

static bool is_fat(const char *type)
{
	return strcmp(type, "vfat") == 0 || strcmp(type, "msdos") == 0;
}

static int set(const struct agent *a, const char *path, struct fatdir *ret)
{
	_free_ char *full = agent_path(a, path), *copy = strdup(path);
	struct statvfs st;
	size_t n = strlen(path);

	if (!full || !copy)
		return -ENOMEM;
	while (n > 1 && copy[n - 1] == '/')
		copy[--n] = '\0';
	ret->fd = fs_open_dir(AT_FDCWD, full);
	if (ret->fd < 0)
		return ret->fd;
	ret->path = TAKE_PTR(copy);
	/* An error on it makes the kernel turn the whole file system read-only. */
	ret->read_only = fstatvfs(ret->fd, &st) == 0 && st.f_flag & ST_RDONLY;
	return 0;
}

struct search {
	const struct agent *a;
	fatdir_is is;
	struct fatdir *found;
};

/* 1: it is the one. */
static int take(const struct mountinfo *m, void *arg)
{
	struct search *s = arg;
	_fatdir_ struct fatdir d = {.fd = -1};
	int r;

	if (!is_fat(m->type))
		return 0;
	r = set(s->a, m->point, &d);
	/* One that is out of reach, or is a single file, does not hide the others. */
	if (r == -ENOENT || r == -EACCES || r == -ENOTDIR || r == -ELOOP)
		return 0;
	if (r == 0)
		r = s->is ? s->is(d.fd) : 1;
	if (r <= 0)
		return r;
	d.device = strdup(m->source);
	if (!d.device)
		return -ENOMEM;
	d.read_only = d.read_only || m->read_only;
	*s->found = d;
	d = (struct fatdir){.fd = -1};
	return 1;
}

/* Whatever is mounted there. */
static int take_configured(const struct agent *a, fatdir_is is, struct fatdir *d)
{
	_mountinfo_ struct mountinfo m = {0};
	int r = set(a, a->conf.boot_dir, d);

	if (r < 0)
		return r;
	r = mountinfo_at(a, d->path, &m);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0) {
		d->device = TAKE_PTR(m.source);
		d->read_only = d->read_only || m.read_only;
	}
	return is ? is(d->fd) : 1;
}

int fatdir_find(const struct agent *a, fatdir_is is, struct fatdir *ret)
{
	_fatdir_ struct fatdir d = {.fd = -1};
	struct search s = {a, is, &d};
	int r;

	r = a->conf.boot_dir ? take_configured(a, is, &d) : mountinfo_each(a, take, &s);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret = d;
	d = (struct fatdir){.fd = -1};
	return 0;
}

void fatdir_fini(struct fatdir *d)
{
	free(TAKE_PTR(d->path));
	free(TAKE_PTR(d->device));
	cleanup_close(&d->fd);
	d->fd = -1;
}

/* Did the kernel, in this boot, find the device's file system dirty? */
static bool was_dirty(const struct agent *a, const char *device)
{
	_free_ char *text = NULL;
	const char *name = strrchr(device, '/');

	if (asprintf(&text, "FAT-fs (%s): Volume was not properly unmounted",
		     name ? name + 1 : device) < 0) {
		text = NULL;
		return false;
	}
	return kernsaid(a, text);
}

static int refuse_dirty(const char *path, const char *device, struct kf_error *err)
{
	return kf_err(err, -EUCLEAN, KF_REASON_IO,
		      "%s (%s) was not properly unmounted before this boot and nothing "
		      "has repaired it: let fsck.vfat (dosfstools) check it at boot, or "
		      "run it by hand while it is unmounted, and reboot",
		      path, device);
}

int fatdir_check_clean(const struct agent *a, const char *path, struct kf_error *err)
{
	_mountinfo_ struct mountinfo m = {0};

	if (mountinfo_find(a, path, &m) < 0 || !is_fat(m.type) || !was_dirty(a, m.source))
		return 0;
	return refuse_dirty(m.point, m.source, err);
}

int fatdir_check(const struct agent *a, const struct fatdir *d, struct kf_error *err)
{
	uint64_t left = 0;
	int r;

	if (d->read_only)
		return kf_err(err, -EROFS, KF_REASON_READ_ONLY,
			      "%s is mounted read-only: after checking why, mount -o "
			      "remount,rw %s",
			      d->path, d->path);
	if (d->device && was_dirty(a, d->device))
		return refuse_dirty(d->path, d->device, err);
	r = fs_free_bytes(d->fd, &left);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "ask %s for its free space: %m",
			      d->path);
	if (left < FATDIR_ROOM)
		return kf_err(
			err, -ENOSPC, KF_REASON_SPACE,
			"%s is full: remove what is not needed there, or slots with "
			"`kferry kernels rm`",
			d->path);
	return 0;
}
