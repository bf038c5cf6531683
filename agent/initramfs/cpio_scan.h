/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is in an initramfs: the names of the members of all its archives, as the kernel
 * would unpack them (Documentation/driver-api/early-userspace/buffer-format.rst): newc
 * archives, plain or each compressed, one behind the other, with zeros between.  Memory
 * is bounded whatever the file says; nothing is unpacked.
 */
#ifndef KF_CPIO_SCAN_H
#define KF_CPIO_SCAN_H

#include <stdatomic.h>
#include <stdint.h>

#include "proto/base/cleanup.h"

#define CPIO_NAME_MAX 4096 /* bytes of a name, terminator included: PATH_MAX */
#define CPIO_SCAN_MAX (UINT64_C(8) << 30) /* bytes unpacked in one scan */

/* path as it stands there ("./" in front is removed).  Anything but 0 ends the scan and
 * is returned. */
typedef int (*cpio_scan_fn)(void *arg, const char *path);

/*
 * Scan the first len bytes of fd.  *ret_formats (may be NULL) has bit DECOMP_x set for
 * each compression that was met, also when the scan fails for it.  -EBADMSG: damaged, cut
 * short or no initramfs; -EOPNOTSUPP: a compression that is not understood; -EMSGSIZE:
 * one that wants too much memory; -EFBIG; -ECANCELED.
 */
int cpio_scan(int fd, uint64_t len, const atomic_bool *cancel, cpio_scan_fn fn, void *arg,
	      unsigned *ret_formats) _must_check_;

#endif
