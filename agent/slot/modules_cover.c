/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two bind mounts: the directory as it is on one in /run, then one with links into that
 * on the directory.
 */
#include "agent/slot/modules_cover.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "proto/base/fs.h"

#define COVER "/run/kferry/modules"
#define OWN   "/run/kferry/modules-own"

static int same_directory(const char *one, const char *other, bool *ret)
{
	struct stat a, b;

	if (stat(one, &a) < 0 || stat(other, &b) < 0)
		return -errno;
	*ret = a.st_dev == b.st_dev && a.st_ino == b.st_ino;
	return 0;
}

static int bind_once(const char *what, const char *at)
{
	bool there = false;
	int rc = same_directory(what, at, &there);

	if (rc < 0 || there)
		return rc;
	return mount(what, at, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

static int link_one(int cover, const char *own, const char *name)
{
	_free_ char *target = NULL;

	if (asprintf(&target, "%s/%s", own, name) < 0) {
		target = NULL;
		return -ENOMEM;
	}
	return symlinkat(target, cover, name) < 0 && errno != EEXIST ? -errno : 0;
}

static int link_all(const char *cover, const char *own)
{
	_close_ int to = fs_open_dir(AT_FDCWD, cover);
	_closedir_ DIR *d = NULL;
	struct dirent *e;
	int rc;

	if (to < 0)
		return to;
	rc = fs_dir_stream(fs_open_dir(AT_FDCWD, own), &d);
	while (rc == 0 && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = link_one(to, own, e->d_name);
	return rc;
}

int modules_cover(const struct agent *a)
{
	_free_ char *modules = agent_path(a, MODULES_DIR), *own = agent_path(a, OWN),
		    *cover = agent_path(a, COVER);
	int rc;

	if (!modules || !own || !cover)
		return -ENOMEM;
	rc = fs_mkdirs(AT_FDCWD, own);
	if (rc == 0)
		rc = fs_mkdirs(AT_FDCWD, cover);
	if (rc == 0)
		rc = bind_once(modules, own);
	if (rc == 0)
		rc = link_all(cover, own);
	return rc < 0 ? rc : bind_once(cover, modules);
}
