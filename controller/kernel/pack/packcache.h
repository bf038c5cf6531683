/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is kept of earlier packs of a tree, below its directory in the cache:
 *
 *	pack/index	see packindex.h
 *	pack/tree/	lib/modules/<release>/, as depmod wants it: stripped modules, or
 *links to the tree's own; what depmod made pack/dtbs/	what `make dtbs_install` made,
 *where the tree has no list of its own
 *
 * A file whose stamp is the recorded one is taken to have the recorded content, but for
 *
 *  - one that could have been written while it was looked at: its times are not older
 *    than the run that recorded it.  So are times in the future.
 *  - one that was digested in another boot of this machine: what was written, and lost
 *    with the power, may have kept its stamp.
 *
 * These are digested again: content decides.  The caller holds the tree's lock.
 */
#ifndef KF_PACKCACHE_H
#define KF_PACKCACHE_H

#include "controller/kernel/contents.h"
#include "controller/kernel/pack/packindex.h"

struct packcache {
	char *dir;  /* .../pack */
	char *tree; /* .../pack/tree */
	char *dtbs; /* .../pack/dtbs */
	struct packindex ix;
	int64_t now; /* when this run began to look */
	char boot[40];
	bool boot_same; /* the index is of this boot */
	bool changed;	/* what is to be written is not what was read */
	size_t read;	/* files digested by this run; for tests and --verbose */
};

/* As much as is there and whole, nothing if it is not to be used; *ret_why is what was
 * wrong with the rest, "" if nothing.  Without memory is an error; no cache is not. */
int packcache_open(const char *cache, bool use, struct packcache **ret,
		   char ret_why[static 128]) _must_check_;
void packcache_free(struct packcache *pc);
/* Remove all that is kept below cache. */
int packcache_remove(const char *cache) _must_check_;

/* Of the file that path leads to; negative errno. */
int packcache_stamp(const char *path, struct stamp *ret) _must_check_;
/* What is recorded of path, if its stamp is still the one and may be believed. */
const struct packindex_file *packcache_known(struct packcache *pc, const char *path,
					     const struct stamp *st);
/* The same of a source that something was made of.  Where the stamp cannot be believed
 * its content is digested, if that was recorded. */
const struct packindex_file *packcache_made(struct packcache *pc, const char *path,
					    const struct stamp *st);
/* Could what has this stamp still be written to, unseen? */
bool packcache_is_young(const struct packcache *pc, const struct stamp *st);
/* digest and made may be NULL: not known.  A path that cannot be recorded is not: fine.
 */
int packcache_put(struct packcache *pc, const char *path, const struct stamp *st,
		  const struct digest *digest, const struct digest *made) _must_check_;
/* Fill in the digest of each file that has none, on all processors. */
int packcache_digest(struct packcache *pc, struct contents *c,
		     struct kf_error *err) _must_check_;

/* The text of a memo whose key is this, NULL. */
const char *packcache_memo(struct packcache *pc, const char *name,
			   const struct digest *key);
int packcache_set_memo(struct packcache *pc, const char *name, const struct digest *key,
		       const char *text) _must_check_;

/* Write the index, unless it would say the same. */
int packcache_save(struct packcache *pc) _must_check_;

/* A memo's key: texts and files' stamps that it depends on. */
struct packkey {
	const struct packcache *pc;
	struct digest_ctx ctx;
	bool young; /* one of them may change unseen: do not record it */
};
void packkey_init(struct packkey *k, const struct packcache *pc);
void packkey_text(struct packkey *k, const char *text); /* NULL is another than "" */
void packkey_digest(struct packkey *k, const struct digest *d);
/* It need not be there. */
void packkey_stamp(struct packkey *k, const char *path);

/* Of a list of files: paths and contents; all have digests. */
void packcache_list_digest(const struct contents *c, size_t first, struct digest *ret);

#endif
