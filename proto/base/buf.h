/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A growable byte buffer: bytes are appended at the end and consumed at the front.
 *
 * Every function that grows it returns 0, -ENOMEM, or -EMSGSIZE when `max`
 * (0: no limit) would be passed.  Not shared between threads.
 */
#ifndef KF_BUF_H
#define KF_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/cleanup.h"

struct buf {
	uint8_t *data; /* allocation */
	size_t start;  /* first unread byte */
	size_t end;    /* one past the last byte */
	size_t size;   /* bytes allocated */
	size_t max;    /* limit of unread bytes, 0 for none */
};

#define BUF_INIT                                                                         \
	{                                                                                \
		0                                                                        \
	}

void buf_fini(struct buf *b);
void buf_reset(struct buf *b);

static inline const uint8_t *buf_data(const struct buf *b)
{
	return b->data ? b->data + b->start : NULL;
}

static inline size_t buf_len(const struct buf *b)
{
	return b->end - b->start;
}

/* Room for n more bytes; *ret_at is where to write them, then buf_commit(). */
int buf_reserve(struct buf *b, size_t n, uint8_t **ret_at) _must_check_;
void buf_commit(struct buf *b, size_t n);
int buf_append(struct buf *b, const void *data, size_t n) _must_check_;
int buf_printf(struct buf *b, const char *fmt, ...) _must_check_ _printf_(2, 3);
/* Drop n bytes from the front. */
void buf_consume(struct buf *b, size_t n);
/* The unread bytes as a string: appends a NUL that buf_len() does not count. NULL: no
 * memory. */
const char *buf_str(struct buf *b);

#define _buf_ _cleanup_(buf_fini)

#endif
