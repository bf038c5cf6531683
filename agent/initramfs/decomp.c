/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zstd, gzip and xz streams behind one loop.  Each has a step that takes input and gives
 * output; the loop reads, hands on, and stops at the end of the member.
 */
#include "agent/initramfs/decomp.h"

#include <lzma.h>
#include <stdbool.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define ZSTD_WINDOW_LOG 24 /* 16 MiB: more than any level but --ultra and --long use */
#define XZ_MEMORY	(UINT64_C(17) << 20)
#define IN_SIZE		(64u * 1024)
#define OUT_SIZE	(128u * 1024)

static const struct {
	const char *name, *option;
	uint8_t magic[DECOMP_MAGIC];
	size_t n;
} formats[DECOMP_FORMATS] = {
	[DECOMP_ZSTD] = {"zstd", "CONFIG_RD_ZSTD", {0x28, 0xb5, 0x2f, 0xfd}, 4},
	[DECOMP_GZIP] = {"gzip", "CONFIG_RD_GZIP", {0x1f, 0x8b}, 2},
	[DECOMP_XZ] = {"xz", "CONFIG_RD_XZ", {0xfd, '7', 'z', 'X', 'Z', 0}, 6},
	[DECOMP_LZ4] = {"lz4", "CONFIG_RD_LZ4", {0x02, 0x21, 0x4c, 0x18}, 4},
	[DECOMP_BZIP2] = {"bzip2", "CONFIG_RD_BZIP2", {'B', 'Z', 'h'}, 3},
	[DECOMP_LZMA] = {"lzma", "CONFIG_RD_LZMA", {0x5d, 0, 0}, 3},
	[DECOMP_LZO] = {"lzo", "CONFIG_RD_LZO", {0x89, 'L', 'Z', 'O'}, 4},
};

enum decomp_format decomp_detect(const uint8_t *p, size_t n)
{
	for (unsigned i = DECOMP_ZSTD; i < DECOMP_FORMATS; i++)
		if (n >= formats[i].n && memcmp(p, formats[i].magic, formats[i].n) == 0)
			return (enum decomp_format)i;
	return DECOMP_NONE;
}

const char *decomp_name(enum decomp_format f)
{
	return f > DECOMP_NONE && f < DECOMP_FORMATS ? formats[f].name : "unknown";
}

const char *decomp_option(enum decomp_format f)
{
	return f > DECOMP_NONE && f < DECOMP_FORMATS ? formats[f].option : "";
}

struct io {
	const uint8_t *in;
	size_t in_len;
	uint8_t *out; /* OUT_SIZE bytes */
	size_t out_len;
};

struct stream {
	enum decomp_format f;
	ZSTD_DStream *zstd;
	z_stream gzip;
	lzma_stream xz;
};

static int stream_init(struct stream *s)
{
	int r;

	switch (s->f) {
	case DECOMP_ZSTD:
		s->zstd = ZSTD_createDStream();
		if (!s->zstd || ZSTD_isError(ZSTD_DCtx_setParameter(
					s->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG)))
			return -ENOMEM;
		return 0;
	case DECOMP_GZIP:
		r = inflateInit2(&s->gzip, 16 + MAX_WBITS);
		return r == Z_OK ? 0 : -ENOMEM;
	case DECOMP_XZ:
		r = (int)lzma_stream_decoder(&s->xz, XZ_MEMORY, 0);
		return r == LZMA_OK ? 0 : -ENOMEM;
	default:
		return -EOPNOTSUPP;
	}
}

static void stream_fini(struct stream *s)
{
	if (s->f == DECOMP_ZSTD)
		ZSTD_freeDStream(s->zstd);
	else if (s->f == DECOMP_GZIP)
		inflateEnd(&s->gzip);
	else if (s->f == DECOMP_XZ)
		lzma_end(&s->xz);
}

static int step_zstd(struct stream *s, struct io *io)
{
	ZSTD_inBuffer in = {io->in, io->in_len, 0};
	ZSTD_outBuffer out = {io->out, OUT_SIZE, 0};
	size_t n = ZSTD_decompressStream(s->zstd, &out, &in);

	io->in += in.pos;
	io->in_len -= in.pos;
	io->out_len = out.pos;
	if (ZSTD_isError(n))
		/* ZSTD_getErrorCode() is in a header of its own that not every package
		 * has; the name is as stable. */
		return strstr(ZSTD_getErrorName(n), "memory") ? -EMSGSIZE : -EBADMSG;
	return n == 0;
}

static int step_gzip(struct stream *s, struct io *io)
{
	int r;

	s->gzip.next_in = (Bytef *)io->in;
	s->gzip.avail_in = (uInt)io->in_len;
	s->gzip.next_out = io->out;
	s->gzip.avail_out = OUT_SIZE;
	r = inflate(&s->gzip, Z_NO_FLUSH);
	io->in += io->in_len - s->gzip.avail_in;
	io->in_len = s->gzip.avail_in;
	io->out_len = OUT_SIZE - s->gzip.avail_out;
	if (r == Z_STREAM_END)
		return 1;
	if (r == Z_OK || r == Z_BUF_ERROR)
		return 0;
	return r == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

static int step_xz(struct stream *s, struct io *io)
{
	lzma_ret r;

	s->xz.next_in = io->in;
	s->xz.avail_in = io->in_len;
	s->xz.next_out = io->out;
	s->xz.avail_out = OUT_SIZE;
	r = lzma_code(&s->xz, LZMA_RUN);
	io->in += io->in_len - s->xz.avail_in;
	io->in_len = s->xz.avail_in;
	io->out_len = OUT_SIZE - s->xz.avail_out;
	if (r == LZMA_STREAM_END)
		return 1;
	if (r == LZMA_OK || r == LZMA_BUF_ERROR)
		return 0;
	if (r == LZMA_MEM_ERROR)
		return -ENOMEM;
	return r == LZMA_MEMLIMIT_ERROR ? -EMSGSIZE : -EBADMSG;
}

/* 1: the member has ended, 0: more is to come. */
static int step(struct stream *s, struct io *io)
{
	if (s->f == DECOMP_ZSTD)
		return step_zstd(s, io);
	return s->f == DECOMP_GZIP ? step_gzip(s, io) : step_xz(s, io);
}

static ssize_t read_at(int fd, uint8_t *buf, uint64_t at, uint64_t end)
{
	size_t want = end - at < IN_SIZE ? (size_t)(end - at) : IN_SIZE;
	ssize_t n;

	do {
		n = pread(fd, buf, want, (off_t)at);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int decomp_member(int fd, uint64_t at, uint64_t end, enum decomp_format f,
		  decomp_sink sink, void *arg, uint64_t *ret_used)
{
	_cleanup_(stream_fini) struct stream s = {.f = f};
	_free_ uint8_t *in = malloc(IN_SIZE), *out = malloc(OUT_SIZE);
	struct io io = {.out = out};
	uint64_t start = at;
	int r, done = 0;

	if (!in || !out)
		return -ENOMEM;
	r = stream_init(&s);
	if (r < 0)
		return r;
	while (!done) {
		bool dry = io.in_len == 0;

		if (dry && at < end) {
			ssize_t n = read_at(fd, in, at, end);

			if (n < 0)
				return (int)n;
			io.in = in;
			io.in_len = (size_t)n;
			at += (uint64_t)n;
			if (n == 0)
				end = at;
			dry = n == 0;
		}
		done = step(&s, &io);
		if (done < 0)
			return done;
		/* Nothing left to give, and nothing came out. */
		if (!done && dry && io.out_len == 0)
			return -EBADMSG;
		r = io.out_len > 0 ? sink(arg, out, io.out_len) : 0;
		if (r != 0)
			return r;
	}
	*ret_used = at - io.in_len - start;
	return 0;
}
