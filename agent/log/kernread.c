/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a kept kernel log.  A log that a crash cut short ends where its last whole
 * block ends; that is the end, not an error.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "agent/log/kernfile.h"
#include "agent/log/kernlog.h"
#include "proto/base/fs.h"

#define IN_SIZE	       (8 * 1024)
#define WINDOW_LOG_MAX 17 /* of what a kernfile writes, and a little more */

struct kernlog_file {
	int fd;
	ZSTD_DCtx *zstd;
	ZSTD_inBuffer in;
	bool inside;  /* a frame has begun and not ended */
	bool pending; /* the last call filled its output: there may be more inside */
	char *mem;
};

int kernlog_file_open(int boot_dir_fd, struct kernlog_file **ret)
{
	struct kernlog_file *f = calloc(1, sizeof(*f));
	int r = -ENOMEM;

	if (!f)
		return -ENOMEM;
	f->fd = fs_open_beneath(boot_dir_fd, KERNFILE_NAME, O_RDONLY | O_CLOEXEC, 0);
	if (f->fd < 0) {
		r = f->fd;
		goto fail;
	}
	f->mem = malloc(IN_SIZE);
	f->zstd = ZSTD_createDCtx();
	if (!f->mem || !f->zstd)
		goto fail;
	if (ZSTD_isError(
		    ZSTD_DCtx_setParameter(f->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
		goto fail;
	f->in.src = f->mem;
	*ret = f;
	return 0;
fail:
	kernlog_file_close(f);
	return r;
}

void kernlog_file_close(struct kernlog_file *f)
{
	if (!f)
		return;
	if (f->fd >= 0)
		close(f->fd);
	ZSTD_freeDCtx(f->zstd);
	free(f->mem);
	free(f);
}

/* Unpack from what was read; 0: it is used up. */
static ssize_t unpack(struct kernlog_file *f, void *dst, size_t n)
{
	ZSTD_outBuffer out = {dst, n, 0};

	while (out.pos == 0 && (f->in.pos < f->in.size || f->pending)) {
		size_t hint = ZSTD_decompressStream(f->zstd, &out, &f->in);

		if (ZSTD_isError(hint))
			return -EBADMSG;
		f->inside = hint > 0;
		f->pending = out.pos == out.size;
	}
	return (ssize_t)out.pos;
}

ssize_t kernlog_file_read(struct kernlog_file *f, void *dst, size_t n)
{
	for (;;) {
		ssize_t got = unpack(f, dst, n);

		if (got != 0)
			return got;
		do
			got = read(f->fd, f->mem, IN_SIZE);
		while (got < 0 && errno == EINTR);
		if (got <= 0)
			return got < 0 ? -errno : 0;
		f->in.size = (size_t)got;
		f->in.pos = 0;
	}
}

int kernlog_file_tail(struct kernlog_file *f, const void *closing, size_t n)
{
	char nothing[1];
	ZSTD_outBuffer out = {nothing, 0, 0};
	ZSTD_inBuffer in = {closing, n, 0};

	if (!f->inside)
		return 0;
	return ZSTD_decompressStream(f->zstd, &out, &in) == 0 ? 1 : -EBADMSG;
}

/* --- its blocks, by the format's description (RFC 8878) -------------------------------
 */

#define BLOCK_HEADER 3
#define FRAME_HEADER 5 /* as far as its length is told by it */
#define CHECKSUM     4
#define BLOCK_RLE    1 /* one byte, whatever its size */

static size_t frame_header_len(unsigned descriptor)
{
	static const uint8_t dictionary[] = {0, 1, 2, 4}, content[] = {0, 2, 4, 8};
	bool single = descriptor & 0x20;
	size_t n = content[descriptor >> 6];

	return FRAME_HEADER + !single + dictionary[descriptor & 3] +
	       (n == 0 && single ? 1 : n);
}

uint64_t kernlog_file_whole(int fd, uint64_t size)
{
	uint64_t at = 0, whole = 0;
	bool inside = false, checked = false;
	uint8_t h[FRAME_HEADER];

	while (at < size) {
		size_t n = inside ? BLOCK_HEADER : FRAME_HEADER;
		uint32_t block;

		if (pread(fd, h, n, (off_t)at) != (ssize_t)n)
			break;
		if (!inside) {
			if (memcmp(h, "\x28\xb5\x2f\xfd", 4) != 0)
				break;
			at += frame_header_len(h[4]);
			checked = h[4] & 4;
			inside = true;
			continue;
		}
		block = h[0] | (uint32_t)h[1] << 8 | (uint32_t)h[2] << 16;
		at += n + ((block >> 1 & 3) == BLOCK_RLE ? 1 : block >> 3);
		inside = !(block & 1);
		if (!inside && checked)
			at += CHECKSUM;
		if (at <= size)
			whole = at;
	}
	return whole;
}
