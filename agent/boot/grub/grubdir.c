/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding GRUB's directory, and what is known of the file system that it is on. */
#include "agent/boot/grub/grubdir.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/boot/blockdev.h"
#include "agent/boot/fatdir.h"
#include "agent/boot/grub/grubcfg.h"
#include "agent/boot/grub/grubenv.h"
#include "agent/boot/mountinfo.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define INSTEAD                                                                          \
	"use the boot chain efi-bootnext, or put /boot on an ext4 partition of its own"

static const char *const names[] = {"grub", "grub2"};

void grubdir_close(struct grubdir *g)
{
	free(g->path);
	g->path = NULL;
	cleanup_close(&g->fd);
	g->fd = -1;
}

/* Where the open directory really is: the names may be links. */
static char *real_path(const struct agent *a, int fd, const char *named)
{
	size_t root = strlen(a->root);
	char link[32], target[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, target, sizeof(target) - 1);
	if (n <= 0)
		return strdup(named);
	target[n] = '\0';
	if (strncmp(target, a->root, root) != 0 || target[root] != '/')
		return strdup(named);
	return strdup(target + root);
}

static int try_name(const struct agent *a, const char *boot, const char *name,
		    struct grubdir *ret)
{
	_free_ char *path = NULL, *full = NULL;
	_close_ int fd = -1;

	if (asprintf(&path, "%s/%s", boot, name) < 0)
		return -ENOMEM;
	full = agent_path(a, path);
	if (!full)
		return -ENOMEM;
	fd = fs_open_dir(AT_FDCWD, full);
	if (fd < 0)
		return fd;
	if (!fs_exists(fd, "grub.cfg"))
		return -ENOENT;
	ret->path = real_path(a, fd, path);
	if (!ret->path)
		return -ENOMEM;
	ret->fd = TAKE_FD(fd);
	return 0;
}

int grubdir_open(const struct agent *a, struct grubdir *ret, struct kf_error *err)
{
	const char *boot = a->conf.boot_dir ? a->conf.boot_dir : "/boot";
	_grubdir_ struct grubdir first = {.fd = -1}, second = {.fd = -1};
	int r, other;

	r = try_name(a, boot, names[0], &first);
	other = try_name(a, boot, names[1], &second);
	if (r == 0 && other == 0)
		return kf_err(err, -EEXIST, KF_REASON_BOOT_CHAIN,
			      "both %s/grub and %s/grub2 have a grub.cfg: remove the one "
			      "that GRUB does not read",
			      boot, boot);
	if (r < 0 && other < 0)
		return kf_err(err, r == -ENOENT ? other : r, KF_REASON_BOOT_CHAIN,
			      "no GRUB: there is no %s/grub/grub.cfg and no "
			      "%s/grub2/grub.cfg",
			      boot, boot);
	*ret = r == 0 ? first : second;
	if (r == 0)
		first = (struct grubdir){.fd = -1};
	else
		second = (struct grubdir){.fd = -1};
	return 0;
}

static int check_mount(const struct agent *a, const struct grubdir *g, char **ret_type,
		       struct kf_error *err)
{
	static const char *const writable[] = {"ext2", "ext3", "ext4",
					       "vfat", "xfs",  "msdos"};
	_mountinfo_ struct mountinfo m = {0};
	const char *layer;
	bool known = false;
	int r;

	r = mountinfo_find(a, g->path, &m);
	if (r < 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "find the file system of %s: %m", g->path);
	for (size_t i = 0; i < ARRAY_SIZE(writable); i++)
		known = known || strcmp(m.type, writable[i]) == 0;
	if (!known)
		return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			      "%s is on %s, where GRUB cannot write: a kernel to be "
			      "started once would be started for ever; " INSTEAD,
			      g->path, m.type);
	layer = blockdev_layer(a, m.major, m.minor);
	if (layer)
		return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			      "%s is on %s (%s), where GRUB cannot write: a kernel to be "
			      "started once would be started for ever; " INSTEAD,
			      g->path, layer, m.source);
	/* Replaying such a journal would undo what GRUB has written. */
	if (mountinfo_has_option(m.options, "data=journal"))
		return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			      "%s is mounted with data=journal, which can undo what GRUB "
			      "writes: mount it with data=ordered",
			      m.point);
	if (m.read_only)
		return kf_err(err, -EROFS, KF_REASON_READ_ONLY,
			      "%s is mounted read-only: after checking why, mount -o "
			      "remount,rw %s",
			      m.point, m.point);
	r = fatdir_check_clean(a, g->path, err);
	if (r < 0)
		return r;
	if (ret_type)
		*ret_type = TAKE_PTR(m.type);
	return 0;
}

static int check_grub_cfg(const struct grubdir *g, struct kf_error *err)
{
	_buf_ struct buf b = BUF_INIT;
	int r;

	r = fs_read_file(g->fd, "grub.cfg", GRUBCFG_MAX, &b);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "read %s/grub.cfg: %m", g->path);
	r = grubcfg_check(buf_data(&b), buf_len(&b));
	if (r == -ENOENT)
		return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			      "%s/grub.cfg does not read custom.cfg: put 41_custom back "
			      "into /etc/grub.d and run update-grub (grub2-mkconfig)",
			      g->path);
	if (r < 0)
		return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
			      "%s/grub.cfg sets the default once more after it has read "
			      "custom.cfg: move that in /etc/grub.d before 41_custom",
			      g->path);
	return 0;
}

static int check_custom_cfg(const struct grubdir *g, struct kf_error *err)
{
	_buf_ struct buf b = BUF_INIT, merged = BUF_INIT;
	int r;

	r = fs_read_file(g->fd, "custom.cfg", GRUBCFG_MAX, &b);
	if (r == 0)
		r = grubcfg_merge(buf_data(&b), buf_len(&b), &merged);
	if (r == -EBADMSG)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "the lines of kferry in %s/custom.cfg are damaged: remove "
			      "what is left of them, with both of their markers",
			      g->path);
	if (r < 0 && r != -ENOENT)
		return kf_err(err, r, KF_REASON_IO, "read %s/custom.cfg: %m", g->path);
	return 0;
}

/* GRUB's own block is not needed, but one that is wrong tells of damage. */
static int check_env(const struct grubdir *g, const char *name, struct kf_error *err)
{
	struct grubenv e;
	struct stat st;
	int r;

	r = grubenv_read(g->fd, name, &e);
	if (r == 0 || r == -ENOENT)
		return 0;
	if (r == -EBADMSG && fstatat(g->fd, name, &st, 0) == 0)
		return kf_err(err, r, KF_REASON_BOOT_CHAIN,
			      "%s/%s is no environment block of GRUB's (%lld bytes, not "
			      "%d, or without its first line): after looking at it, "
			      "remove it and run grub-editenv %s/%s create",
			      g->path, name, (long long)st.st_size, GRUBENV_SIZE, g->path,
			      name);
	return kf_err(err, r, KF_REASON_IO, "read %s/%s: %m", g->path, name);
}

int grubdir_check(const struct agent *a, const struct grubdir *g, char **ret_type,
		  struct kf_error *err)
{
	_free_ char *type = NULL;
	int r;

	r = check_mount(a, g, &type, err);
	if (r == 0)
		r = check_grub_cfg(g, err);
	if (r == 0)
		r = check_custom_cfg(g, err);
	if (r == 0)
		r = check_env(g, "grubenv", err);
	if (r == 0)
		r = check_env(g, "kferry/env", err);
	if (r == 0 && ret_type)
		*ret_type = TAKE_PTR(type);
	return r;
}
