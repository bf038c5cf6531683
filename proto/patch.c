/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Patches, block by block: a block's window is the base around the same place, from
 * either the front or the end, so that what was put in or taken out elsewhere in the file
 * does not matter.
 */
#include "proto/patch.h"

#include <assert.h>
#include <string.h>
#include <zstd.h>

#include "proto/limits.h"

#define BLOCK_HEAD 16
/*
 * Measured on arm64 Images of which one line was changed: blocks of 1 MiB with 512 KiB on
 * either side of them give patches of 1 to 11 % of what zstd -3 makes of the image;
 * larger ones are no smaller, and higher levels gain 3 % for ten times the time.
 */
#define BLOCK	    ((size_t)LIMIT_PATCH_BLOCK)
#define MARGIN	    (((size_t)LIMIT_PATCH_WINDOW - BLOCK) / 2)
#define LEVEL	    4
#define SMALL	    ((size_t)256 * 1024) /* files that a better level costs nothing for */
#define LEVEL_SMALL 9

static const char magic[8] = {'k', 'f', 'p', 'a', 't', 'c', 'h', '1'};

bool patch_is(const void *data, size_t n)
{
	return n >= sizeof(magic) && memcmp(data, magic, sizeof(magic)) == 0;
}

static void put_le(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get_le(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

/* --- making one ------------------------------------------------------------------------
 */

struct patch_maker {
	struct patch_head head;
	uint64_t at;   /* of the next block */
	bool from_end; /* windows are counted from the ends of both files */
	bool again;    /* the other way is tried for the same block */
	ZSTD_CCtx *z;
	uint8_t *frame, *other; /* of a block, head included */
	size_t frame_len;
};

int patch_maker_new(const struct patch_head *head, struct buf *out,
		    struct patch_maker **ret)
{
	size_t room = BLOCK_HEAD + ZSTD_compressBound(BLOCK);
	struct patch_maker *m = calloc(1, sizeof(*m));
	uint8_t raw[PATCH_HEAD] = {0};

	if (!m)
		return -ENOMEM;
	m->head = *head;
	m->z = ZSTD_createCCtx();
	m->frame = malloc(room);
	m->other = malloc(room);
	memcpy(raw, magic, sizeof(magic));
	put_le(raw + 8, BLOCK, 4);
	put_le(raw + 16, head->base_size, 8);
	put_le(raw + 24, head->size, 8);
	memcpy(raw + 32, head->base.b, DIGEST_SIZE);
	if (!m->z || !m->frame || !m->other || buf_append(out, raw, sizeof(raw)) < 0) {
		patch_maker_free(m);
		return -ENOMEM;
	}
	*ret = m;
	return 0;
}

void patch_maker_free(struct patch_maker *m)
{
	if (!m)
		return;
	ZSTD_freeCCtx(m->z);
	free(m->frame);
	free(m->other);
	free(m);
}

bool patch_maker_next(const struct patch_maker *m, struct patch_part *ret)
{
	uint64_t left = m->head.size - m->at, base = m->head.base_size;
	uint64_t from = m->at, to;
	size_t len = left < BLOCK ? (size_t)left : BLOCK;

	if (left == 0)
		return false;
	/* What lies as far from the end of the base as the block from the file's. */
	if (m->from_end)
		from = base > left ? base - left : 0;
	to = from + len + MARGIN;
	from = from > MARGIN ? from - MARGIN : 0;
	if (from > base)
		from = base;
	if (to > base)
		to = base;
	*ret = (struct patch_part){m->at, len, from, (size_t)(to - from)};
	return true;
}

/* The block itself, as it stands in the base: a window without a frame. */
static bool find_same(const struct patch_maker *m, const struct patch_part *p,
		      const uint8_t *base, const void *data, uint64_t *ret_at)
{
	uint64_t left = m->head.size - m->at, at = m->at;

	if (m->from_end)
		at = m->head.base_size > left ? m->head.base_size - left : 0;
	if (at < p->base_at || at - p->base_at > p->base_len ||
	    p->base_len - (at - p->base_at) < p->len ||
	    memcmp(base + (at - p->base_at), data, p->len) != 0)
		return false;
	*ret_at = at;
	return true;
}

static int set_up(struct patch_maker *m, const struct patch_part *p)
{
	size_t all = p->base_len + p->len;
	int level = m->head.size <= SMALL ? LEVEL_SMALL : LEVEL, window = 10;

	while ((size_t)1 << window < all)
		window++;
	if (ZSTD_isError(ZSTD_CCtx_reset(m->z, ZSTD_reset_session_and_parameters)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(m->z, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(m->z, ZSTD_c_windowLog, window)))
		return -EINVAL;
	return 0;
}

static int squeeze(struct patch_maker *m, const struct patch_part *p, const uint8_t *base,
		   const void *data, uint8_t *to, size_t *ret_len)
{
	size_t n;
	int rc = set_up(m, p);

	if (rc < 0)
		return rc;
	if (p->base_len > 0 && ZSTD_isError(ZSTD_CCtx_refPrefix(m->z, base, p->base_len)))
		return -EINVAL;
	n = ZSTD_compress2(m->z, to + BLOCK_HEAD, ZSTD_compressBound(BLOCK), data,
			   p->len);
	if (ZSTD_isError(n))
		return -ENOMEM;
	put_le(to, p->base_at, 8);
	put_le(to + 8, p->base_len, 4);
	put_le(to + 12, n, 4);
	*ret_len = BLOCK_HEAD + n;
	return 0;
}

/* Another window may do better: the files differ in size, and this one was poor. */
static bool try_again(const struct patch_maker *m, const struct patch_part *p, size_t len)
{
	struct patch_maker turned = *m;
	struct patch_part other;

	if (m->head.base_size == 0 || len < p->len / 4)
		return false;
	turned.from_end = !m->from_end;
	return patch_maker_next(&turned, &other) && other.base_at != p->base_at;
}

static int finish_block(struct patch_maker *m, const struct patch_part *p,
			const uint8_t *frame, size_t len, struct buf *out)
{
	m->again = false;
	m->at += p->len;
	return buf_append(out, frame, len);
}

int patch_maker_put(struct patch_maker *m, const void *base, const void *data,
		    struct buf *out)
{
	struct patch_part p;
	uint64_t same;
	size_t len;
	int rc;

	if (!patch_maker_next(m, &p))
		return -EINVAL;
	if (find_same(m, &p, base, data, &same)) {
		uint8_t head[BLOCK_HEAD] = {0};

		put_le(head, same, 8);
		put_le(head + 8, p.len, 4);
		return finish_block(m, &p, head, sizeof(head), out);
	}
	rc = squeeze(m, &p, base, data, m->again ? m->other : m->frame, &len);
	if (rc < 0)
		return rc;
	if (m->again && len < m->frame_len)
		return finish_block(m, &p, m->other, len, out);
	if (m->again) {
		m->from_end = !m->from_end;
		return finish_block(m, &p, m->frame, m->frame_len, out);
	}
	m->frame_len = len;
	if (!try_again(m, &p, len))
		return finish_block(m, &p, m->frame, len, out);
	m->again = true;
	m->from_end = !m->from_end;
	return 0;
}

/* --- applying one ----------------------------------------------------------------------
 */

enum state { HEAD, ENTRY, WINDOW, FRAME, OVER };

struct patch_reader {
	enum state state;
	int failed;
	struct patch_head head;
	uint64_t at; /* bytes of the file so far */
	uint32_t block;
	ZSTD_DCtx *z;
	uint8_t small[PATCH_HEAD]; /* the head, or that of a block */
	size_t have;		   /* bytes of what is being collected */
	uint8_t *window, *frame, *data;
	size_t window_size;
	uint64_t base_at;
	size_t base_len, packed, len; /* of this block */
};

int patch_reader_new(struct patch_reader **ret)
{
	struct patch_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->z = ZSTD_createDCtx();
	if (!r->z) {
		free(r);
		return -ENOMEM;
	}
	*ret = r;
	return 0;
}

void patch_reader_free(struct patch_reader *r)
{
	if (!r)
		return;
	ZSTD_freeDCtx(r->z);
	free(r->window);
	free(r->frame);
	free(r->data);
	free(r);
}

/* More of the `want` bytes at `to`; true when they are all there. */
static bool collect(struct patch_reader *r, uint8_t *to, size_t want, const uint8_t *data,
		    size_t n, size_t *used)
{
	size_t take = want - r->have;

	if (take > n - *used)
		take = n - *used;
	if (take > 0)
		memcpy(to + r->have, data + *used, take);
	*used += take;
	r->have += take;
	if (r->have < want)
		return false;
	r->have = 0;
	return true;
}

static int take_head(struct patch_reader *r)
{
	const uint8_t *p = r->small;
	size_t block;

	r->block = (uint32_t)get_le(p + 8, 4);
	r->head.base_size = get_le(p + 16, 8);
	r->head.size = get_le(p + 24, 8);
	memcpy(r->head.base.b, p + 32, DIGEST_SIZE);
	if (!patch_is(p, PATCH_HEAD) || r->block == 0 || r->block > LIMIT_PATCH_BLOCK ||
	    get_le(p + 12, 4) != 0 || r->head.base_size > LIMIT_FILE_SIZE ||
	    r->head.size > LIMIT_FILE_SIZE)
		return -EBADMSG;
	block = r->head.size < r->block ? (size_t)r->head.size : r->block;
	r->frame = malloc(ZSTD_compressBound(block));
	r->data = malloc(block + 1);
	r->state = r->head.size > 0 ? ENTRY : OVER;
	return r->frame && r->data ? 0 : -ENOMEM;
}

static int take_entry(struct patch_reader *r)
{
	uint64_t left = r->head.size - r->at, base = r->head.base_size;

	r->len = left < r->block ? (size_t)left : r->block;
	r->base_at = get_le(r->small, 8);
	r->base_len = (size_t)get_le(r->small + 8, 4);
	r->packed = (size_t)get_le(r->small + 12, 4);
	if (r->base_len > LIMIT_PATCH_WINDOW || r->base_at > base ||
	    r->base_len > base - r->base_at || r->packed > ZSTD_compressBound(r->len) ||
	    (r->packed == 0 && r->base_len != r->len))
		return -EBADMSG;
	if (r->base_len > r->window_size) {
		free(r->window);
		r->window_size = 0;
		r->window = malloc(r->base_len);
		if (!r->window)
			return -ENOMEM;
		r->window_size = r->base_len;
	}
	r->state = r->base_len > 0 ? WINDOW : FRAME;
	return 0;
}

/* One frame, no more, of exactly the block's bytes. */
static int unpack(struct patch_reader *r)
{
	size_t n;

	if (ZSTD_getFrameContentSize(r->frame, r->packed) != r->len ||
	    ZSTD_findFrameCompressedSize(r->frame, r->packed) != r->packed)
		return -EBADMSG;
	if (r->base_len > 0 &&
	    ZSTD_isError(ZSTD_DCtx_refPrefix(r->z, r->window, r->base_len)))
		return -ENOMEM;
	n = ZSTD_decompressDCtx(r->z, r->data, r->len, r->frame, r->packed);
	return n == r->len ? 0 : -EBADMSG;
}

static void give(struct patch_reader *r, const uint8_t *data, struct patch_event *ret)
{
	*ret = (struct patch_event){.type = PATCH_DATA, .data = data, .len = r->len};
	r->at += r->len;
	r->state = r->at < r->head.size ? ENTRY : OVER;
}

/* 1: *ret is an event; 0: go on with the next state. */
static int step(struct patch_reader *r, const void *data, size_t n, size_t *used,
		struct patch_event *ret)
{
	int rc = 0;

	*ret = (struct patch_event){.type = PATCH_MORE};
	switch (r->state) {
	case HEAD:
		if (!collect(r, r->small, PATCH_HEAD, data, n, used))
			return 1;
		rc = take_head(r);
		*ret = (struct patch_event){.type = PATCH_BEGIN, .head = &r->head};
		return rc < 0 ? rc : 1;
	case ENTRY:
		if (!collect(r, r->small, BLOCK_HEAD, data, n, used))
			return 1;
		rc = take_entry(r);
		if (rc < 0 || r->state == FRAME)
			return rc;
		*ret = (struct patch_event){.type = PATCH_BASE,
					    .at = r->base_at,
					    .room = r->window,
					    .len = r->base_len};
		return 1;
	case WINDOW: /* is filled now */
		r->state = FRAME;
		if (r->packed > 0)
			return 0;
		give(r, r->window, ret);
		return 1;
	case FRAME:
		if (!collect(r, r->frame, r->packed, data, n, used))
			return 1;
		rc = unpack(r);
		if (rc == 0)
			give(r, r->data, ret);
		return rc < 0 ? rc : 1;
	case OVER:
		ret->type = PATCH_END;
		return *used < n ? -EBADMSG : 1;
	}
	return -EINVAL;
}

int patch_reader_step(struct patch_reader *r, const void *data, size_t n, size_t *used,
		      struct patch_event *ret)
{
	int rc = r->failed;

	assert(*used <= n);
	while (rc == 0)
		rc = step(r, data, n, used, ret);
	if (rc < 0)
		r->failed = rc;
	return rc < 0 ? rc : 0;
}
