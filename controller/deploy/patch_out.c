/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The driver of a patch maker, and the question whether what it made is of use. */
#include "controller/deploy/patch_out.h"

#include <string.h>
#include <zstd.h>

#include "controller/cancel.h"
#include "proto/limits.h"

#define LIMIT_PATCH (8u << 20) /* it is made in memory */
#define WHOLE_LEVEL 3	       /* what it is compared with */
#define SURE	    16	       /* so many times smaller than the file is small enough */
#define HOPELESS_PCT                                                                     \
	85 /* of what was read so far: the base has nothing of it, and it                \
	      does not compress */
#define CHUNK ((size_t)128 * 1024)

static int read_side(const struct patch_side *s, void *data, size_t n, uint64_t at)
{
	size_t have = 0;

	if (s->fd < 0) {
		memcpy(data, (const uint8_t *)s->mem + at, n);
		return 0;
	}
	while (have < n) {
		ssize_t got = pread(s->fd, (uint8_t *)data + have, n - have,
				    (off_t)(at + have));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -ESTALE;
		have += (size_t)got;
	}
	return 0;
}

struct work {
	const struct patch_side *base, *file;
	struct patch_maker *maker;
	uint8_t *window, *block;
	struct digest_ctx ctx;
	uint64_t read; /* bytes of the file */
	size_t begin;  /* of out, where the patch starts */
};

static bool is_hopeless(const struct work *w, const struct buf *out)
{
	uint64_t len = buf_len(out) - w->begin;

	return len > LIMIT_PATCH ||
	       (w->read >= 2 * LIMIT_PATCH_BLOCK && len * 100 > w->read * HOPELESS_PCT);
}

/* 1 when all of it is made. */
static int make(struct work *w, struct buf *out)
{
	struct patch_part p;

	while (patch_maker_next(w->maker, &p)) {
		int rc = 0;

		if (atomic_load(cancel_flag()))
			return -ECANCELED;
		/* The same block may be asked for twice. */
		if (p.at == w->read) {
			rc = read_side(w->file, w->block, p.len, p.at);
			if (rc == 0)
				digest_update(&w->ctx, w->block, p.len);
			w->read += p.len;
		}
		if (rc == 0 && p.base_len > 0)
			rc = read_side(w->base, w->window, p.base_len, p.base_at);
		if (rc == 0)
			rc = patch_maker_put(w->maker, w->window, w->block, out);
		if (rc < 0)
			return rc;
		if (is_hopeless(w, out))
			return 0;
	}
	return 1;
}

/* What zstd makes of all of it, or max. */
static int whole_size(const struct patch_side *file, uint8_t *room, uint64_t max,
		      uint64_t *ret)
{
	_free_ uint8_t *out = malloc(ZSTD_CStreamOutSize());
	ZSTD_CCtx *z = ZSTD_createCCtx();
	uint64_t total = 0;
	int rc = out && z ? 0 : -ENOMEM;

	if (rc == 0)
		ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, WHOLE_LEVEL);
	for (uint64_t at = 0; rc == 0 && at < file->size && total < max;) {
		uint64_t left = file->size - at;
		size_t n = left < CHUNK ? (size_t)left : CHUNK;
		ZSTD_inBuffer in = {room, n, 0};
		bool last = n == left;
		size_t rest = 1;

		rc = read_side(file, room, n, at);
		at += n;
		while (rc == 0 && (in.pos < n || (last && rest > 0))) {
			ZSTD_outBuffer o = {out, ZSTD_CStreamOutSize(), 0};

			rest = ZSTD_compressStream2(z, &o, &in,
						    last ? ZSTD_e_end : ZSTD_e_continue);
			if (ZSTD_isError(rest))
				rc = -EIO;
			total += o.pos;
		}
	}
	ZSTD_freeCCtx(z);
	*ret = total;
	return rc;
}

static int judge(struct work *w, const struct buf *out)
{
	uint64_t len = buf_len(out) - w->begin, whole;
	struct digest is;
	int rc;

	digest_final(&w->ctx, &is);
	if (!digest_equal(&is, &w->file->digest))
		return -ESTALE;
	if (len <= w->file->size / SURE)
		return 1;
	rc = whole_size(w->file, w->block, len, &whole);
	return rc < 0 ? rc : len < whole;
}

int patch_out(const struct patch_side *base, const struct patch_side *file,
	      struct buf *out)
{
	_free_ uint8_t *window = malloc(LIMIT_PATCH_WINDOW);
	_free_ uint8_t *block = malloc(LIMIT_PATCH_BLOCK);
	struct work w = {.base = base,
			 .file = file,
			 .window = window,
			 .block = block,
			 .begin = buf_len(out)};
	struct patch_head head = {.size = file->size};
	int rc;

	if (!window || !block)
		return -ENOMEM;
	if (base) {
		head.base = base->digest;
		head.base_size = base->size;
	}
	rc = patch_maker_new(&head, out, &w.maker);
	if (rc < 0)
		return rc;
	digest_init(&w.ctx);
	rc = make(&w, out);
	patch_maker_free(w.maker);
	return rc > 0 ? judge(&w, out) : rc;
}
