/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A patch: what makes a file out of an older version of it, its base.
 *
 *	8   "kfpatch1"
 *	u32 bytes of a block, the last one may be shorter
 *	u32 0
 *	u64 bytes of the base; 0: there is none
 *	u64 bytes of the file
 *	32  digest of the base
 *	for each block:
 *		u64, u32  where in the base its window begins, bytes of the window
 *		u32 n     bytes of the zstd frame that follows; 0: the window is the block
 *		n         one zstd frame, made with the window as its prefix
 *
 * Little endian.  Each block is made from a bounded part of the base, so that neither
 * side needs memory for more than a window, a block and a frame.  A patch says nothing of
 * what the file shall be: the digest that its reader expects does.
 *
 * Engines without I/O; -EBADMSG is a patch that is not as above, truncated or longer.
 */
#ifndef KF_PATCH_H
#define KF_PATCH_H

#include <stdbool.h>

#include "proto/base/buf.h"
#include "proto/digest.h"

/* In the tar of a push: the name of a patch is this and the path of the file, which is
 * below none of the directories that a package's files are in. */
#define PATCH_MEMBER "patch/"
#define PATCH_HEAD   64 /* bytes before the first block */

struct patch_head {
	struct digest base;
	uint64_t base_size;
	uint64_t size;
};

/* Does it begin as a patch does? */
bool patch_is(const void *data, size_t n);

/* --- making one ------------------------------------------------------------------------
 */

struct patch_maker;

struct patch_part {
	uint64_t at; /* of the file */
	size_t len;
	uint64_t base_at; /* of the base */
	size_t base_len;
};

/* Appends the head to out. */
int patch_maker_new(const struct patch_head *head, struct buf *out,
		    struct patch_maker **ret) _must_check_;
void patch_maker_free(struct patch_maker *m);
/* What patch_maker_put() wants next; false: the patch is complete. */
bool patch_maker_next(const struct patch_maker *m, struct patch_part *ret);
/* The bytes of that part.  It may ask for the same block once more, with another window:
 * the better one of both is taken.  Errors of out, too. */
int patch_maker_put(struct patch_maker *m, const void *base, const void *data,
		    struct buf *out) _must_check_;

/* --- applying one ----------------------------------------------------------------------
 */

struct patch_reader;

enum patch_event_type {
	PATCH_MORE,  /* all was taken: more bytes of the patch are needed */
	PATCH_BEGIN, /* head is known.  Is it the base, and the size, that there should
			be? */
	PATCH_BASE,  /* put `len` bytes of the base from `at` into `room` before going on
		      */
	PATCH_DATA,  /* the next `len` bytes of the file */
	PATCH_END,   /* the patch was whole */
};

struct patch_event {
	enum patch_event_type type;
	const struct patch_head *head;
	uint64_t at;
	uint8_t *room;
	const uint8_t *data;
	size_t len;
};

int patch_reader_new(struct patch_reader **ret) _must_check_;
void patch_reader_free(struct patch_reader *r);
/* data are the next bytes of the patch; those from *used (in, out) on were not taken yet.
 * What the event points to is valid until the next call.  Once it failed it goes on
 * failing; so it does when bytes follow PATCH_END. */
int patch_reader_step(struct patch_reader *r, const void *data, size_t n, size_t *used,
		      struct patch_event *ret) _must_check_;

#endif
