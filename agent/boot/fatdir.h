/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mounted FAT file system that a boot stage reads: finding it, and whether it is fit
 * to be written to.
 */
#ifndef KF_FATDIR_H
#define KF_FATDIR_H

#include <stdbool.h>

#include "agent/agent.h"

#define FATDIR_ROOM (64u * 1024) /* bytes that pointer files may need */

struct fatdir {
	char *path;   /* below a->root, absolute, without trailing slash */
	char *device; /* "/dev/mmcblk0p1"; NULL: not in the table of mounts */
	int fd;
	bool read_only;
};

/* Is the directory the one that is looked for?  1, 0 or a negative errno: it cannot be
 * known. */
typedef int (*fatdir_is)(int fd);

/* 1 or 0: it has a file of this name, or none; or a negative errno. */
int fatdir_has(int fd, const char *name) _must_check_;

/* conf.boot_dir, else the first vfat of the mounts for which is() holds.  -ENOENT:
 * there is none; mounts that are not to be seen from here, or are no directories, are
 * passed over.  Another errno: one cannot be looked at, and no other is taken in its
 * place.  No error text: the caller knows what was looked for. */
int fatdir_find(const struct agent *a, fatdir_is is, struct fatdir *ret) _must_check_;
void fatdir_fini(struct fatdir *d);
#define _fatdir_ _cleanup_(fatdir_fini)

/* -EROFS, -EUCLEAN (the kernel found it dirty when it was mounted) or -ENOSPC. */
int fatdir_check(const struct agent *a, const struct fatdir *d,
		 struct kf_error *err) _must_check_;
/* The same of whatever is mounted at path, for boot stages that find it themselves:
 * -EUCLEAN for a FAT that was dirty; 0 also when nobody can tell. */
int fatdir_check_clean(const struct agent *a, const char *path,
		       struct kf_error *err) _must_check_;

#endif
