/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EFI_LOAD_OPTION: the value of a Boot#### variable (UEFI 2.10, 3.1.3), with a device
 * path of a partition (10.3.5.1) and a file on it (10.3.5.4).  No I/O here.
 */
#ifndef KF_LOADOPT_H
#define KF_LOADOPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/boot/blockdev.h"
#include "proto/base/buf.h"

#define LOADOPT_ACTIVE 1u
#define LOADOPT_MAX    (16u * 1024) /* bytes of one that is read or written */

struct loadopt {
	uint32_t attributes;
	char *description;
	bool has_partition;
	struct partition partition; /* esp is not part of it */
	char *file;		    /* "\\EFI\\x\\y.efi"; NULL: no such node */
	uint8_t *data;		    /* optional data: for a kernel its command line */
	size_t n_data;
};

void loadopt_fini(struct loadopt *o);
#define _loadopt_ _cleanup_(loadopt_fini)

/* Nodes of other kinds are passed over; of several paths only the first is looked at.
 * -EBADMSG: a length that cannot be, -EILSEQ: text that is no UTF-16. */
int loadopt_decode(const void *data, size_t n, struct loadopt *ret) _must_check_;
/* Appends; needs partition and file.  -EINVAL: not ASCII, or longer than LOADOPT_MAX. */
int loadopt_encode(const struct loadopt *o, struct buf *out) _must_check_;
/* Do they mean the same partition? */
bool loadopt_same_partition(const struct partition *a, const struct partition *b);

#endif
