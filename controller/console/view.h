/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A console's bytes for a terminal that shall show them and do nothing else, as they
 * come.  A carriage return before a newline is left out, and what a character needs that
 * is not there yet is waited for.
 */
#ifndef KF_VIEW_H
#define KF_VIEW_H

#include "proto/base/buf.h"

struct view {
	char held[4]; /* of a character, or a '\r' */
	size_t n;
};

int view_feed(struct view *v, const void *data, size_t n, struct buf *out) _must_check_;
/* No more comes. */
int view_end(struct view *v, struct buf *out) _must_check_;

#endif
