/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads test results of any known format: a named one, or whichever the output turns out
 * to be.  An engine without I/O.
 */
#ifndef KF_READER_H
#define KF_READER_H

#include "controller/results/suite.h"
#include "proto/base/err.h"

enum reader_format {
	READER_KTAP,
	READER_LTP,
	READER_XFSTESTS,
	READER_FORMATS,
	READER_AUTO
};

struct reader;

/* "ktap", "ltp", "xfstests", "auto"; -EINVAL. */
int reader_format(const char *name, enum reader_format *ret) _must_check_;
/* name: of the suite, may be NULL. */
int reader_new(const char *name, enum reader_format format,
	       struct reader **ret) _must_check_;
void reader_free(struct reader *r);
/* What a reader of one format has read so far; before reader_end(). */
const struct suite_run *reader_suite(const struct reader *r);
/* ... and whether that has the marks of its format. */
bool reader_is_sure(const struct reader *r);
int reader_feed(struct reader *r, const void *data, size_t n) _must_check_;
/*
 * The output's end.  *ret is the caller's then, settled.  With READER_AUTO -EINVAL when
 * the output has the marks of two formats, or (KF_REASON_NOT_FOUND, -ENODATA) of none.
 */
int reader_end(struct reader *r, struct suite_run *ret,
	       struct kf_error *err) _must_check_;

#endif
