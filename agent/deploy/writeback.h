/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files on their way to the disk: each is written back, dropped from the page cache, read
 * again from the disk and digested, while others still arrive.
 *
 * A deploy adds files as they become complete; a few at a time are taken by threads of
 * this module, so that the disk writes long stretches and nobody waits for it.  What
 * writeback_finish() has passed was on the disk, past the page cache, with the manifest's
 * digest.  File names and the disk's own cache are not flushed here: who flips does that
 * with one flush of the file system.
 */
#ifndef KF_WRITEBACK_H
#define KF_WRITEBACK_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/manifest.h"

struct writeback;

/* Files of m below dirfd; both must live as long as this, and cancel (may be NULL) too.
 */
int writeback_new(int dirfd, const struct manifest *m, const atomic_bool *cancel,
		  struct writeback **ret) _must_check_;
/* Waits for what a thread is at.  NULL is fine. */
void writeback_free(struct writeback *s);

/* m->files[i] is complete, under its name.  At most once for each file. */
void writeback_add(struct writeback *s, size_t i);
/* The first failure so far, without waiting: as writeback_finish(). */
int writeback_failed(struct writeback *s, size_t *ret_i);
/*
 * Wait until all that was added has passed, and help.  done (may be NULL) is called by
 * this thread with the bytes that were since its last call.  0; else the first failure,
 * and *ret_i is its file: -EBADMSG, the disk has other bytes; another errno, it could not
 * be written or read; -ECANCELED.
 */
int writeback_finish(struct writeback *s, void (*done)(void *arg, uint64_t n), void *arg,
		     size_t *ret_i) _must_check_;

#endif
