/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/outside/mounts.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "proto/base/fs.h"

/* A bind needs something to lie on, of the same type. */
static int make_target(const struct outside_mount *m)
{
	_close_ int fd = -1;
	struct stat st;

	if (stat(m->what, &st) < 0)
		return -errno;
	if (fs_exists(AT_FDCWD, m->where))
		return 0;
	if (S_ISDIR(st.st_mode))
		return mkdir(m->where, 0755) < 0 ? -errno : 0;
	fd = fs_open_beneath(AT_FDCWD, m->where, O_WRONLY | O_CREAT | O_EXCL, 0644);
	return fd < 0 ? fd : 0;
}

static int enter_one(const struct outside_mount *m)
{
	int r;

	if (m->kind == OUTSIDE_TMPFS)
		return mount("kferry", m->where, "tmpfs", MS_NOSUID | MS_NODEV, m->what) <
				       0
			       ? -errno
			       : 0;
	r = make_target(m);
	if (r < 0)
		return r;
	if (mount(m->what, m->where, NULL, MS_BIND, NULL) < 0)
		return -errno;
	if (m->kind == OUTSIDE_BIND_RO &&
	    mount(NULL, m->where, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0)
		return -errno;
	return 0;
}

int outside_mounts_enter(const struct outside_mount *mounts, size_t n, size_t *ret_at)
{
	*ret_at = 0;
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	for (size_t i = 0; i < n; i++) {
		int r = enter_one(&mounts[i]);

		if (r < 0) {
			*ret_at = i;
			return r;
		}
	}
	return 0;
}
