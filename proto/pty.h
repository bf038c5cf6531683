/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What goes to the standard input of `kferryd pty`: what is typed, and the size of the
 * terminal, as records.  Its output is the terminal's, as it is.
 *
 *	u8  type     1 typed, 2 size          little endian
 *	u8  0
 *	u16 length   of what follows, at most LIMIT_PTY
 *	...          size: u16 rows, u16 columns
 */
#ifndef KF_PTY_H
#define KF_PTY_H

#include "proto/base/buf.h"

enum pty_type { PTY_NOTHING, PTY_TYPED, PTY_SIZE };

struct pty_record {
	enum pty_type type;
	const uint8_t *data; /* PTY_TYPED: until buf_consume(used) */
	size_t len;
	uint16_t rows, columns; /* PTY_SIZE */
	size_t used;		/* bytes that it took */
};

/* At most LIMIT_PTY bytes. */
int pty_put_typed(struct buf *b, const void *data, size_t n) _must_check_;
int pty_put_size(struct buf *b, uint16_t rows, uint16_t columns) _must_check_;
/* The first record of b, PTY_NOTHING if it is not whole yet.  -EBADMSG. */
int pty_next(const struct buf *b, struct pty_record *ret) _must_check_;

#endif
