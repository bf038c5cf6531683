/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stays the same of a finding from boot to boot and from build to build. */
#ifndef KF_SIGNATURE_H
#define KF_SIGNATURE_H

#include "controller/log/finding.h"

/* n bytes of s without what differs each time: numbers, addresses, offsets into
 * functions.  Appended to out. */
int signature_text(struct buf *out, const char *s, size_t n) _must_check_;
/* The name of a function without the compiler's suffixes (".isra.0", ".cold");
 * its length. */
size_t signature_func(const char *s, size_t n);
/* it->signature: the class, and a digest of title, head, function and file. */
int signature_set(struct finding *it) _must_check_;

#endif
