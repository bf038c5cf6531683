// SPDX-License-Identifier: GPL-2.0-or-later
/* A byte source through zstd: the first four bytes decide whether it is needed. */
#include "proto/zread.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "proto/limits.h"

#define IN_SIZE ((size_t)64 * 1024)

struct zread {
	zread_pull_fn pull;
	void *arg;
	ZSTD_DStream *stream; /* NULL: plain, or not yet known */
	uint8_t *in;
	size_t at, have; /* unread bytes of in */
	bool sniffed, ended;
	bool frame_open; /* a frame has begun and has not ended */
	int failed;
};

int zread_new(zread_pull_fn pull, void *arg, struct zread **ret)
{
	struct zread *z = calloc(1, sizeof(*z));

	if (!z)
		return -ENOMEM;
	z->pull = pull;
	z->arg = arg;
	z->in = malloc(IN_SIZE);
	if (!z->in) {
		free(z);
		return -ENOMEM;
	}
	*ret = z;
	return 0;
}

void zread_free(struct zread *z)
{
	if (!z)
		return;
	ZSTD_freeDStream(z->stream);
	free(z->in);
	free(z);
}

/* Get more into `in`, behind what is unread. */
static int fill(struct zread *z)
{
	ssize_t n;

	if (z->at == z->have)
		z->at = z->have = 0;
	n = z->pull(z->arg, z->in + z->have, IN_SIZE - z->have);
	if (n < 0)
		return (int)n;
	if ((size_t)n > IN_SIZE - z->have)
		return -EIO;
	if (n == 0)
		z->ended = true;
	z->have += (size_t)n;
	return 0;
}

static int sniff(struct zread *z)
{
	static const uint8_t magic[] = {0x28, 0xb5, 0x2f, 0xfd};

	while (z->have < sizeof(magic) && !z->ended) {
		int rc = fill(z);

		if (rc < 0)
			return rc;
	}
	z->sniffed = true;
	if (z->have < sizeof(magic) || memcmp(z->in, magic, sizeof(magic)) != 0)
		return 0;
	z->stream = ZSTD_createDStream();
	if (!z->stream)
		return -ENOMEM;
	if (ZSTD_isError(ZSTD_DCtx_setParameter(z->stream, ZSTD_d_windowLogMax,
						LIMIT_ZSTD_WINDOW)))
		return -EINVAL;
	return 0;
}

static int zstd_errno(size_t rc)
{
	switch (ZSTD_getErrorCode(rc)) {
	case ZSTD_error_frameParameter_windowTooLarge:
		return -EFBIG;
	case ZSTD_error_memory_allocation:
		return -ENOMEM;
	default:
		return -EBADMSG;
	}
}

static int unpack(struct zread *z, ZSTD_outBuffer *out)
{
	ZSTD_inBuffer in = {z->in, z->have, z->at};
	size_t rc = ZSTD_decompressStream(z->stream, out, &in);

	if (ZSTD_isError(rc))
		return zstd_errno(rc);
	z->at = in.pos;
	z->frame_open = rc != 0;
	return 0;
}

static void copy(struct zread *z, ZSTD_outBuffer *out)
{
	size_t n = z->have - z->at;

	if (n > out->size - out->pos)
		n = out->size - out->pos;
	memcpy((uint8_t *)out->dst + out->pos, z->in + z->at, n);
	z->at += n;
	out->pos += n;
}

static int read_some(struct zread *z, ZSTD_outBuffer *out)
{
	size_t before = out->pos;
	int rc = 0;

	if (z->at == z->have && !z->ended) {
		rc = fill(z);
		if (rc < 0)
			return rc;
	}
	if (!z->stream)
		copy(z, out);
	else if (z->at < z->have || z->frame_open)
		rc = unpack(z, out);
	/* Nothing came in and nothing came out: the frame's rest is not there. */
	if (rc == 0 && z->ended && z->at == z->have && out->pos == before &&
	    z->frame_open)
		return -EBADMSG;
	return rc;
}

ssize_t zread_read(struct zread *z, void *data, size_t n)
{
	ZSTD_outBuffer out = {data, n, 0};
	int rc = z->failed;

	if (rc == 0 && !z->sniffed)
		rc = sniff(z);
	while (rc == 0 && out.pos < out.size) {
		if (z->ended && z->at == z->have && !z->frame_open)
			break;
		rc = read_some(z, &out);
	}
	if (rc < 0) {
		z->failed = rc;
		return rc;
	}
	return (ssize_t)out.pos;
}
