/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The policy for tar archives from outside: what may be in a package.
 *
 * Reads a tar, plain or zstd, with libarchive as a reader only, and hands out regular
 * files with good paths in the order they come.  Anything else (links, devices, setuid
 * bits, absolute paths, "..", control characters, sizes over limits.h, a truncated end)
 * ends the reading with KF_REASON_PACKAGE and the entry's name.  Directories are passed
 * over when their paths are good.  The source is read to its very end. Blocking: for jobs
 * and the command line.
 *
 * The source is pulled by a thread of the reader's, some blocks ahead; what it fails with
 * comes after all that was whole before.  Freeing the reader waits for a pull that runs.
 */
#ifndef KF_PACKAGE_H
#define KF_PACKAGE_H

#include <stdint.h>
#include <sys/types.h>

#include "proto/base/err.h"

/* Put up to n bytes at data and return how many; 0 at the end; negative errno. */
typedef ssize_t (*package_pull_fn)(void *arg, void *data, size_t n);

struct package_reader;

struct package_entry {
	const char *path; /* valid until the next entry; text_is_path() holds */
	uint64_t size;
};

int package_reader_new(package_pull_fn pull, void *arg, struct package_reader **ret,
		       struct kf_error *err) _must_check_;
/* fd is the reader's when this succeeds: package_reader_free() closes it. */
int package_reader_open_fd(int fd, struct package_reader **ret,
			   struct kf_error *err) _must_check_;
void package_reader_free(struct package_reader *r);

/* 1: *ret is the next entry; 0: the end, seen and complete; negative: err is set. */
int package_next(struct package_reader *r, struct package_entry *ret,
		 struct kf_error *err) _must_check_;
/* Bytes of the current entry: > 0, 0 at its end, negative: err is set. */
ssize_t package_read(struct package_reader *r, void *data, size_t n,
		     struct kf_error *err) _must_check_;

#endif
