/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a boot image says about itself: the kernel inside is found, unpacked and read.
 *
 *	x86      bzImage: the payload that its setup header points to
 *	arm64    Image, Image.gz, vmlinuz.efi (EFI_ZBOOT); RISC-V likewise
 *	arm      zImage: the compressed kernel behind its loader
 *	any      an ELF vmlinux, compressed or not
 */
#ifndef KF_IMAGE_H
#define KF_IMAGE_H

#include "proto/base/err.h"
#include "proto/buildid.h"
#include "proto/limits.h"

struct image_info {
	const char *arch;		 /* in the manifest's words; NULL: not known */
	char build_id[BUILD_ID_HEX];	 /* "" when it has none */
	char release[LIMIT_RELEASE + 1]; /* "" when it was not found */
	char *banner;			 /* "Linux version ...", NULL */
};

void image_info_fini(struct image_info *i);
#define _image_info_ _cleanup_(image_info_fini)

/* -EBADMSG (KF_REASON_PACKAGE): not a kernel image. */
int image_read(const char *path, struct image_info *ret,
	       struct kf_error *err) _must_check_;
/* The same of bytes in memory; for tests and fuzzers. */
int image_parse(const void *data, size_t n, struct image_info *ret) _must_check_;

#endif
