/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The growable buffer.  Invariant: start <= end <= size.  Room at the front is
 * reused before the allocation grows; growth doubles, so appending is linear.
 */
#include "proto/base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#define BUF_FIRST 256 /* bytes of the first allocation */

void buf_fini(struct buf *b)
{
	free(b->data);
	b->data = NULL;
	b->start = b->end = b->size = 0;
}

void buf_reset(struct buf *b)
{
	b->start = b->end = 0;
}

/* Make size - end >= n, whatever b->max says. */
static int make_room(struct buf *b, size_t n)
{
	size_t len = buf_len(b), need, size;
	uint8_t *data;

	assert(b->start <= b->end && b->end <= b->size);
	if (b->data && b->size - b->end >= n)
		return 0;
	if (__builtin_add_overflow(len, n, &need))
		return -ENOMEM;
	if (b->start > 0 && b->size >= need && b->start >= b->size / 2) {
		memmove(b->data, b->data + b->start, len);
		b->start = 0;
		b->end = len;
		return 0;
	}
	if (__builtin_mul_overflow(b->size, 2, &size))
		return -ENOMEM;
	if (size < BUF_FIRST)
		size = BUF_FIRST;
	if (size < need)
		size = need;
	data = malloc(size);
	if (!data)
		return -ENOMEM;
	if (len > 0)
		memcpy(data, b->data + b->start, len);
	free(b->data);
	b->data = data;
	b->size = size;
	b->start = 0;
	b->end = len;
	return 0;
}

int buf_reserve(struct buf *b, size_t n, uint8_t **ret_at)
{
	int r;

	if (b->max > 0 && (n > b->max || buf_len(b) > b->max - n))
		return -EMSGSIZE;
	r = make_room(b, n);
	if (r < 0)
		return r;
	*ret_at = b->data + b->end;
	return 0;
}

void buf_commit(struct buf *b, size_t n)
{
	assert(n <= b->size - b->end);
	b->end += n;
}

int buf_append(struct buf *b, const void *data, size_t n)
{
	uint8_t *at;
	int r;

	if (n == 0)
		return 0;
	r = buf_reserve(b, n, &at);
	if (r < 0)
		return r;
	memcpy(at, data, n);
	buf_commit(b, n);
	return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n, r;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	if (b->max > 0 && ((size_t)n > b->max || buf_len(b) > b->max - (size_t)n))
		return -EMSGSIZE;
	r = make_room(b, (size_t)n + 1);
	if (r < 0)
		return r;
	va_start(ap, fmt);
	vsnprintf((char *)b->data + b->end, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->end += (size_t)n;
	return 0;
}

void buf_consume(struct buf *b, size_t n)
{
	assert(n <= buf_len(b));
	b->start += n;
	if (b->start == b->end)
		b->start = b->end = 0;
}

const char *buf_str(struct buf *b)
{
	if (make_room(b, 1) < 0)
		return NULL;
	b->data[b->end] = '\0';
	return (const char *)b->data + b->start;
}
