/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * extlinux.conf as U-Boot's `sysboot` reads it: keywords of any case, one a line, labels
 * whose lines follow them.  No I/O here.  Keywords: U-Boot's doc/README.pxe.
 */
#ifndef KF_EXTLINUX_H
#define KF_EXTLINUX_H

#include <stddef.h>

#include "proto/base/buf.h"

#define EXTLINUX_MAX	(64u * 1024) /* bytes of a file that is read */
#define EXTLINUX_LABELS 32

struct extlinux_label {
	char *name, *linux_path, *initrd, *fdt, *fdtdir, *append; /* NULL: absent */
};

struct extlinux {
	char *dflt; /* DEFAULT: a label's name; NULL: the first one */
	struct extlinux_label label[EXTLINUX_LABELS];
	size_t n;
};

void extlinux_fini(struct extlinux *e);
#define _extlinux_ _cleanup_(extlinux_fini)

/* Unknown keywords are passed over; of a repeated one the last counts.  -EBADMSG: NUL
 * bytes, or more than EXTLINUX_MAX or EXTLINUX_LABELS. */
int extlinux_parse(const void *data, size_t n, struct extlinux *ret) _must_check_;
/* The label that is started; NULL: there is none. */
const struct extlinux_label *extlinux_default(const struct extlinux *e);
/*
 * Append a file with these labels that is started without a menu.  -EINVAL when a value
 * would not come back the same, or U-Boot would change it: it expands $ and removes
 * backslashes in `append`.
 */
int extlinux_emit(const struct extlinux *e, struct buf *out) _must_check_;

#endif
