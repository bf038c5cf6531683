// SPDX-License-Identifier: GPL-2.0-or-later
/* Records for a terminal on a board. */
#include "proto/pty.h"

#include "proto/base/le.h"
#include "proto/limits.h"

#define HEAD 4
#define SIZE 4

static int put(struct buf *b, enum pty_type type, const void *data, size_t n)
{
	uint8_t head[HEAD] = {(uint8_t)type};
	int rc;

	if (n > LIMIT_PTY)
		return -EMSGSIZE;
	head[2] = (uint8_t)n;
	head[3] = (uint8_t)(n >> 8);
	rc = buf_append(b, head, HEAD);
	return rc < 0 ? rc : buf_append(b, data, n);
}

int pty_put_typed(struct buf *b, const void *data, size_t n)
{
	return put(b, PTY_TYPED, data, n);
}

int pty_put_size(struct buf *b, uint16_t rows, uint16_t columns)
{
	const uint8_t size[SIZE] = {(uint8_t)rows, (uint8_t)(rows >> 8), (uint8_t)columns,
				    (uint8_t)(columns >> 8)};

	return put(b, PTY_SIZE, size, SIZE);
}

int pty_next(const struct buf *b, struct pty_record *ret)
{
	const uint8_t *p = buf_data(b);
	size_t n;

	*ret = (struct pty_record){.type = PTY_NOTHING};
	if (buf_len(b) < HEAD)
		return 0;
	n = le16(p + 2);
	if (p[1] || n > LIMIT_PTY || (p[0] != PTY_TYPED && p[0] != PTY_SIZE) ||
	    (p[0] == PTY_SIZE && n != SIZE))
		return -EBADMSG;
	if (buf_len(b) < HEAD + n)
		return 0;
	*ret = (struct pty_record){
		.type = p[0], .data = p + HEAD, .len = n, .used = HEAD + n};
	if (p[0] == PTY_SIZE) {
		ret->rows = le16(p + HEAD);
		ret->columns = le16(p + HEAD + 2);
	}
	return 0;
}
