// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Frames out of a byte stream.
 *
 * A header is judged when it becomes the first unread thing, so that the frames before a
 * wrong one are handed out however the stream was sliced.
 */
#include "proto/frame.h"

#include <assert.h>
#include <string.h>

#include "proto/base/le.h"
#include "proto/limits.h"

/* Bytes that a driver may feed ahead of taking frames out. */
#define FEED_AHEAD ((size_t)4 * 1024 * 1024)

struct header {
	size_t len;
	uint8_t type;
	uint8_t flags;
};

size_t frame_limit(enum frame_type type)
{
	switch (type) {
	case FRAME_CONTROL:
		return LIMIT_CONTROL;
	case FRAME_DATA:
		return LIMIT_DATA;
	}
	return 0;
}

void frame_header(uint8_t dst[static FRAME_HEADER], enum frame_type type, uint8_t flags,
		  size_t len)
{
	assert(len <= frame_limit(type));
	for (unsigned i = 0; i < 4; i++)
		dst[i] = (uint8_t)(len >> (8 * i));
	dst[4] = (uint8_t)type;
	dst[5] = flags;
	dst[6] = 0;
	dst[7] = 0;
}

static int parse_header(const uint8_t *p, struct header *ret)
{
	struct header h = {
		.len = le32(p),
		.type = p[4],
		.flags = p[5],
	};
	uint8_t allowed;

	if (h.type == FRAME_CONTROL)
		allowed = 0;
	else if (h.type == FRAME_DATA)
		allowed = FRAME_END | FRAME_STDERR;
	else
		return -EBADMSG;
	if ((h.flags & ~allowed) || p[6] || p[7])
		return -EBADMSG;
	if (h.len > frame_limit(h.type))
		return -EMSGSIZE;
	*ret = h;
	return 0;
}

void frame_decoder_init(struct frame_decoder *d)
{
	*d = (struct frame_decoder){.in = {.max = FEED_AHEAD}};
}

void frame_decoder_fini(struct frame_decoder *d)
{
	buf_fini(&d->in);
	*d = (struct frame_decoder){.broken = -EBADMSG};
}

static void drop_taken(struct frame_decoder *d)
{
	if (d->taken)
		buf_consume(&d->in, d->taken);
	d->taken = 0;
}

/* 1: *ret is the first header; 0: it is not whole yet. */
static int first_header(struct frame_decoder *d, struct header *ret)
{
	int rc;

	if (buf_len(&d->in) < FRAME_HEADER)
		return 0;
	rc = parse_header(buf_data(&d->in), ret);
	if (rc < 0) {
		d->broken = rc;
		return rc;
	}
	return 1;
}

int frame_feed(struct frame_decoder *d, const void *data, size_t n)
{
	struct header h;
	int rc;

	if (d->broken)
		return d->broken;
	drop_taken(d);
	rc = buf_append(&d->in, data, n);
	if (rc < 0) {
		d->broken = rc;
		return rc;
	}
	rc = first_header(d, &h);
	return rc < 0 ? rc : 0;
}

int frame_next(struct frame_decoder *d, struct frame *ret)
{
	struct header h;
	int rc;

	if (d->broken)
		return d->broken;
	drop_taken(d);
	rc = first_header(d, &h);
	if (rc <= 0)
		return rc;
	if (buf_len(&d->in) - FRAME_HEADER < h.len)
		return 0;
	*ret = (struct frame){
		.type = h.type,
		.flags = h.flags,
		.payload = buf_data(&d->in) + FRAME_HEADER,
		.len = h.len,
	};
	d->taken = FRAME_HEADER + h.len;
	return 1;
}
