/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of kernel_from_file(). */
#ifndef KF_FROM_H
#define KF_FROM_H

#include "controller/kernel/kernel.h"

/* A package of our own, from the start of fd: its manifest is read; its files
 * are unpacked below k->scratch as they are asked for, each checked against the manifest.
 * file is for error texts. */
int from_package(struct kernel *k, int fd, const char *file,
		 struct kf_error *err) _must_check_;
/* What the unpacking works with; it has ended.  NULL is fine. */
void receipt_free(struct receipt *r);
/* Is the tar at the start of fd one of our own?  -EBADMSG: not an archive at all. */
int from_package_is(int fd, const char *file, bool *ret,
		    struct kf_error *err) _must_check_;

#endif
