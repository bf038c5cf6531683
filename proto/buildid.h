/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The GNU build-id among ELF notes: namesz 4, type NT_GNU_BUILD_ID (3), name "GNU\0";
 * each note padded to 4 bytes.  /sys/kernel/notes is such a run of notes.
 */
#ifndef KF_BUILDID_H
#define KF_BUILDID_H

#include <stddef.h>

#include "proto/base/cleanup.h"

#define BUILD_ID_HEX (2 * 64 + 1)

/* Lower-case hex; -ENOENT when there is none. */
int buildid_from_notes(const void *notes, size_t n,
		       char hex[static BUILD_ID_HEX]) _must_check_;
/* The notes of an ELF file in memory (32 or 64 bit, either byte order). */
int buildid_from_elf(const void *elf, size_t n,
		     char hex[static BUILD_ID_HEX]) _must_check_;

#endif
