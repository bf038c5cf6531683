/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The index of a tree's pack cache: what files were when they were digested, what was
 * made of them, and what the tree's makefile answered.  No I/O.  Text, one item a line:
 *
 *	kferry-pack-index 1
 *	time NS				when the run that wrote it began
 *	boot ID				the boot of this machine that it was written in
 *	file INO SIZE MTIME CTIME DIGEST|- MADE|- PATH
 *	memo NAME KEY TEXT
 *	digest <64 hex>			of all bytes before this line
 *
 * Times are nanoseconds of CLOCK_REALTIME.  MADE is the digest of the file that was made
 * of PATH (a stripped module).  A memo is text that holds as long as KEY, a digest of
 * what it depends on, is the same.
 */
#ifndef KF_PACKINDEX_H
#define KF_PACKINDEX_H

#include "proto/base/buf.h"
#include "proto/digest.h"

/* What tells, without reading it, that a file is the one it was. */
struct stamp {
	uint64_t ino, size;
	int64_t mtime, ctime; /* ns */
};

struct packindex_file {
	char *path;
	struct stamp stamp;
	bool has_digest, has_made;
	struct digest digest, made;
	bool used; /* not in the text: packindex_emit() leaves the others out */
};

struct packindex_memo {
	char *name;
	struct digest key;
	char *text;
	bool used;
};

struct packindex {
	int64_t time;
	char boot[40];
	struct packindex_file *files;
	size_t n_files, cap_files;
	uint32_t *slots; /* hash of path -> index of files + 1, 0: none */
	size_t n_slots;	 /* a power of two */
	struct packindex_memo *memos;
	size_t n_memos;
};

#define PACKINDEX_MEMOS 32

void packindex_fini(struct packindex *ix);
#define _packindex_ _cleanup_(packindex_fini)

/* -EBADMSG: truncated, altered, or of another version. */
int packindex_parse(const void *data, size_t n, struct packindex *ret) _must_check_;
/* Those in use, appended to out. */
int packindex_emit(const struct packindex *ix, struct buf *out) _must_check_;

/* NULL: it is not there.  Valid until the next packindex_add(). */
struct packindex_file *packindex_find(const struct packindex *ix, const char *path);
/* The entry of path, new or not.  -EINVAL: a path that has no place in a line. */
int packindex_add(struct packindex *ix, const char *path,
		  struct packindex_file **ret) _must_check_;
struct packindex_memo *packindex_memo(const struct packindex *ix, const char *name);
/* text is one line. */
int packindex_set_memo(struct packindex *ix, const char *name, const struct digest *key,
		       const char *text) _must_check_;

#endif
