/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernels that other tools packed: a tar with a root file system's paths is read, and the
 * files of the kernel go, under names of one layout, below a scratch directory:
 *
 *	boot/vmlinuz-REL boot/config-REL boot/System.map-REL
 *	lib/modules/REL/...     (also from usr/lib/modules)
 *	dtbs/...                (from boot/dtbs/REL, usr/lib/linux-image-REL)
 *
 * Whatever else is in it is passed over, links too; a device, a setuid file, a path that
 * leads out, two kernels, an end that is missing: all end it with KF_REASON_PACKAGE and
 * the names of entry and file.
 */
#ifndef KF_UNPACK_H
#define KF_UNPACK_H

#include <stdbool.h>

#include "proto/limits.h"
#include "proto/package.h"

struct unpack {
	const char *file; /* the archive, for error texts */
	int dirfd;	  /* the scratch directory */
	unsigned entries;
	uint64_t total;
	bool image, config, map; /* seen */
	unsigned modules;	 /* files ending in .ko, .ko.xz, ... */
	unsigned dtbs;
	char release[LIMIT_RELEASE + 1];
};

/* pull gives the archive's bytes, compressed or not. */
int unpack_tar(struct unpack *u, package_pull_fn pull, void *arg,
	       struct kf_error *err) _must_check_;
/* Where path goes, relative to the scratch directory: "" when it is passed over.  For
 * tests.  ret has room for LIMIT_PATH + 1 bytes. */
int unpack_place(struct unpack *u, const char *path, char *ret,
		 struct kf_error *err) _must_check_;

#endif
