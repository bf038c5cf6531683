/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A newc archive of a release's selected modules and of depmod's files. */
#ifndef KF_MODCPIO_H
#define KF_MODCPIO_H

#include <stdatomic.h>
#include <stdbool.h>

#include "agent/initramfs/moddep.h"
#include "proto/base/err.h"

/* Another one when the same input gives an archive with other contents. */
#define MODCPIO_VERSION "kferry-modcpio 1"

/*
 * Append to out_fd the archive of PREFIX/RELEASE/... with all its parent directories;
 * modules_fd is that directory in the slot.  Times, owners and inode numbers do not
 * depend on the files.  zstd: compress it, unless the modules are compressed already.
 */
int modcpio_write(int modules_fd, const char *release, const struct moddep *deps,
		  const char *prefix, bool zstd, int out_fd, const atomic_bool *cancel,
		  struct kf_error *err) _must_check_;

#endif
