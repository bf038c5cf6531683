// SPDX-License-Identifier: GPL-2.0-or-later
/* Records of a trace. */
#include "proto/tracerec.h"

#include <stdbool.h>
#include <string.h>

#include "proto/base/le.h"
#include "proto/limits.h"

#define HEAD   8
#define REASON 4
#define END    16

static void put_le(uint8_t *at, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++, v >>= 8)
		at[i] = (uint8_t)v;
}

static int put(struct buf *b, enum tracerec_type type, const void *head, size_t n_head,
	       const void *data, size_t n)
{
	uint8_t first[HEAD] = {(uint8_t)type};
	uint8_t *at;

	if (n > LIMIT_TRACE_RECORD - n_head)
		return -EMSGSIZE;
	put_le(first + 4, n_head + n, 4);
	/* All of it or nothing. */
	if (buf_reserve(b, HEAD + n_head + n, &at) < 0)
		return -ENOMEM;
	memcpy(at, first, HEAD);
	if (n_head)
		memcpy(at + HEAD, head, n_head);
	if (n)
		memcpy(at + HEAD + n_head, data, n);
	buf_commit(b, HEAD + n_head + n);
	return 0;
}

int tracerec_put(struct buf *b, enum tracerec_type type, const void *data, size_t n)
{
	return put(b, type, NULL, 0, data, n);
}

int tracerec_put_failed(struct buf *b, const struct kf_error *err)
{
	uint8_t reason[REASON];

	put_le(reason, (uint32_t)err->reason, REASON);
	return put(b, TRACEREC_FAILED, reason, REASON, err->msg, strlen(err->msg));
}

int tracerec_put_end(struct buf *b, uint64_t lost, uint32_t status, uint32_t flags)
{
	uint8_t end[END];

	put_le(end, lost, 8);
	put_le(end + 8, status, 4);
	put_le(end + 12, flags, 4);
	return put(b, TRACEREC_END, end, END, NULL, 0);
}

static bool is_sound(const uint8_t *p, size_t n)
{
	if (p[1] || p[2] || p[3] || n > LIMIT_TRACE_RECORD)
		return false;
	if (p[0] == TRACEREC_FAILED)
		return n >= REASON;
	if (p[0] == TRACEREC_END)
		return n == END;
	return p[0] > TRACEREC_NOTHING && p[0] < TRACEREC_FAILED;
}

int tracerec_next(const struct buf *b, struct tracerec *ret)
{
	const uint8_t *p = buf_data(b);
	size_t n;

	*ret = (struct tracerec){.type = TRACEREC_NOTHING};
	if (buf_len(b) < HEAD)
		return 0;
	n = le32(p + 4);
	if (!is_sound(p, n))
		return -EBADMSG;
	if (buf_len(b) < HEAD + n)
		return 0;
	*ret = (struct tracerec){
		.type = p[0], .data = (const char *)p + HEAD, .len = n, .used = HEAD + n};
	if (p[0] == TRACEREC_FAILED) {
		ret->reason = le32(p + HEAD);
		ret->data += REASON;
		ret->len -= REASON;
	} else if (p[0] == TRACEREC_END) {
		ret->lost = le_get(p + HEAD, 8);
		ret->status = le32(p + HEAD + 8);
		ret->flags = le32(p + HEAD + 12);
	}
	return 0;
}
