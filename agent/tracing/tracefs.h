/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's tracing file system: where it is, and its files.  `dir` is its top or one
 * of its instances.
 */
#ifndef KF_TRACEFS_H
#define KF_TRACEFS_H

#include <stdbool.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"

/* Open its top, and mount it where it is not; in a scratch root (not "") it is never
 * mounted. A descriptor, or a negative errno with err filled. */
int tracefs_open(const char *root, struct kf_error *err) _must_check_;

/* Write text in one piece to a file that is there; add: behind what it has. "" only
 * empties it. */
int tracefs_write(int dir, const char *file, const char *text, bool add) _must_check_;
/* The first line; the caller's.  NULL: there is none. */
char *tracefs_line(int dir, const char *file);
/* The first n - 1 bytes at most, as text; "" when it cannot be read. */
void tracefs_head(int dir, const char *file, char *dst, size_t n);
/* Is the word one of those in the file? */
bool tracefs_has_word(int dir, const char *file, const char *word);

/* What the kernel says about what it has just refused, in one line; "" if it says
 * nothing.  filter: the file that was written. */
void tracefs_said(int dir, const char *filter, char *dst, size_t n);
/* The same from the text of an error_log (of its last entry), or of a filter. */
void tracefs_read_said(const char *log, char *dst, size_t n);

#endif
