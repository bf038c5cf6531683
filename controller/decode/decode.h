/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traces of findings with the file and line of each frame, from the vmlinux (and the
 * modules) of the very kernel that printed them: by the build-id that the run knows, or
 * by the banner that the log has.  Another kernel's vmlinux is never used, nor a module
 * that was built again since.  Addresses are not needed, so that KASLR does not matter.
 */
#ifndef KF_DECODE_H
#define KF_DECODE_H

#include <time.h>

#include "controller/config/config.h"
#include "controller/log/finding.h"

struct decode_of {
	const struct config *cfg;
	const char *board; /* whose tree; may be NULL */
	const char
		*vmlinux; /* given by the user; NULL: the tree's, or an installed one */
	const char *build_id; /* of the kernel, hex; NULL: not known */
	const char *banner;   /* "Linux version ..." in the log; NULL: it has none; "":
				 several that differ */
	const char *release;  /* of an installed one; NULL: not known */
	time_t built_before;  /* modules that changed later are others; 0: not known */
};

struct decoder;

/* Find the vmlinux.  KF_REASON_NOT_FOUND: there is none, and why: said once by the
 * caller.
 */
int decoder_new(const struct decode_of *of, struct decoder **ret,
		struct kf_error *err) _must_check_;
void decoder_free(struct decoder *d);
static inline void decoder_freep(struct decoder **d)
{
	decoder_free(*d);
}
const char *decoder_vmlinux(const struct decoder *d);
/* Each finding with frames gets its trace and its decoded text; where its file was not
 * known it gets that, too.  *ret: how many frames have a line.  What cannot be found
 * stays as it is. */
int decoder_decode(struct decoder *d, struct findings *f, unsigned *ret,
		   struct kf_error *err) _must_check_;
/* Has any of them a frame at all? */
bool decode_is_wanted(const struct findings *f);
/* "2026-11-21T20:30:04Z" of a result.json; 0: it is no such time. */
time_t decode_time(const char *text);

#endif
