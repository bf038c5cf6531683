/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel on the developer's side, ready to be packed: the manifest and, for each of its
 * files, where the bytes are.  Made from a tree (kernel_from_tree), from a file
 * (kernel_from_file: our package, a .deb, a tarball of `make tar*-pkg`).
 */
#ifndef KF_KERNEL_H
#define KF_KERNEL_H

#include "controller/config/config.h"
#include "controller/kernel/arrival.h"
#include "controller/kernel/packed.h"
#include "controller/ui/ui.h"
#include "proto/manifest.h"

struct kernel {
	struct manifest manifest;
	struct digest digest; /* of the canonical manifest */
	struct buf manifest_bytes;
	char slot[SLOT_ID_SIZE];
	char **source; /* [i]: path of manifest.files[i] on this machine: kernel_source()
			*/
	char *scratch; /* directory removed by kernel_free(), or NULL */
	int lock_fd;   /* keeps others from the staging directory of a tree; or -1 */
	uint64_t boot_bytes;
	/* A package that is unpacked as far as it is asked for, or NULL: */
	struct arrival *arrival;
	struct receipt *receipt;
	struct packed packed; /* and as it lies in its file */
};

int kernel_from_tree(const struct config *cfg, struct ui *ui, const char *board,
		     struct kernel **ret, struct kf_error *err) _must_check_;
int kernel_from_file(const struct config *cfg, struct ui *ui, const char *file,
		     struct kernel **ret, struct kf_error *err) _must_check_;
/* NULL is fine. */
void kernel_free(struct kernel *k);

/* Where manifest.files[i] is; waits for a package to be unpacked so far.  Any thread. */
int kernel_source(const struct kernel *k, size_t i, const char **ret,
		  struct kf_error *err) _must_check_;
/* Is all of it there, and as it should be?  Of a package that was altered or truncated
 * this is known when the last file was read. */
int kernel_whole(const struct kernel *k, struct kf_error *err) _must_check_;

/* Write files as a zstd tar.  want: bitmap over manifest.files, NULL for all;
 * with_manifest puts the manifest first, in a frame of its own (a package file).  sink
 * gets the bytes; non-zero ends it.  A file that changed meanwhile is KF_REASON_DIGEST:
 * in a package file by its digest; without the manifest, which a board has and digests
 * by, when it is shorter. done (may be NULL) counts the files' bytes while they are read.
 */
typedef int (*kernel_sink_fn)(void *arg, const void *data, size_t n);
int kernel_write_tar(const struct kernel *k, const uint8_t *want, bool with_manifest,
		     int level, kernel_sink_fn sink, void *arg, uint64_t *done,
		     struct kf_error *err) _must_check_;
/* The same tar of all files as the package file has it, neither unpacked nor looked at:
 * only where kernel_is_packed(). */
bool kernel_is_packed(const struct kernel *k);
int kernel_write_packed(const struct kernel *k, kernel_sink_fn sink, void *arg,
			uint64_t *done, struct kf_error *err) _must_check_;

/* The tar of a push: as above, but some of its files may go as patches (PATCH_MEMBER),
 * and the level may change while it is written. */
struct kernel_push {
	const uint8_t *want;
	/* 1: file i goes as the patch appended to out; 0: as it is. */
	int (*patch)(void *arg, size_t i, struct buf *out, struct kf_error *err);
	int (*level)(void *arg); /* zstd's, from now on */
	bool adapts;		 /* it will change: the window stays small */
	void *arg;
};
int kernel_write_push(const struct kernel *k, const struct kernel_push *push,
		      kernel_sink_fn sink, void *arg, uint64_t *done,
		      struct kf_error *err) _must_check_;

/* Run make as the configuration says. */
struct build_result {
	char release[128];
	unsigned errors, warnings;
	int64_t took_ms;
};
int kernel_build(const struct config *cfg, struct ui *ui, const char *board,
		 const char *const extra_targets[], struct build_result *ret,
		 struct kf_error *err) _must_check_;

#endif
