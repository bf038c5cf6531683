/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boot Loader Specification type 1 entries: "key value" lines, '#' comments, as
 * systemd-boot reads them.  No I/O here.
 */
#ifndef KF_BLS_H
#define KF_BLS_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/buf.h"

#define BLS_ENTRY_MAX  (64u * 1024) /* bytes of an entry that is read */
#define BLS_INITRD_MAX 16

struct bls_entry {
	char *title, *version, *machine_id, *sort_key, *architecture; /* NULL: absent */
	char *linux_path, *efi_path, *devicetree;
	char *options; /* several lines are joined with a blank */
	char *initrd[BLS_INITRD_MAX];
	size_t n_initrd;
};

void bls_entry_fini(struct bls_entry *e);
#define _bls_entry_ _cleanup_(bls_entry_fini)

/* Unknown keys and lines without a value are passed over, of a repeated key the last one
 * counts.  -EBADMSG: bytes that no entry has (NUL), or more than BLS_ENTRY_MAX or
 * BLS_INITRD_MAX. */
int bls_parse(const void *data, size_t n, struct bls_entry *ret) _must_check_;
/* Appends; -EINVAL when a value would not come back the same from bls_parse(). */
int bls_emit(const struct bls_entry *e, struct buf *out) _must_check_;

/*
 * The id of an entry's file: the name in lower case, without the counters of automatic
 * boot assessment ("a+2-1.conf" is "a.conf"); dst of at least strlen(name) + 1 bytes.
 * -EINVAL for names that are no entry's.  *ret_tries (may be NULL) is how many tries are
 * left, -1 when they are not counted.
 */
int bls_file_id(const char *name, char *dst, int *ret_tries) _must_check_;

#endif
