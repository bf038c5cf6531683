/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first frame must unpack to one tar entry, the manifest, and its padding.  The file
 * is opened once more: others read from the caller's.
 */
#include "controller/kernel/packed.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <zstd.h>

#include "controller/cancel.h"
#include "proto/base/fs.h"
#include "proto/limits.h"
#include "proto/reason.h"

#define CHUNK	  ((size_t)128 * 1024)
#define TAR_BLOCK 512
/* POSIX ustar: where in a header the size is, in octal digits. */
#define SIZE_AT	 124
#define SIZE_LEN 12

/* What the frame should unpack to. */
struct expected {
	const struct buf *manifest;
	uint8_t header[TAR_BLOCK];
	uint64_t seen, all;
};

static uint64_t round_up(uint64_t n)
{
	return (n + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}

static bool is_header(const struct expected *e)
{
	char size[SIZE_LEN + 1] = "";

	memcpy(size, e->header + SIZE_AT, SIZE_LEN);
	return strncmp((const char *)e->header, "manifest", TAR_BLOCK) == 0 &&
	       strtoull(size, NULL, 8) == buf_len(e->manifest);
}

static bool is_next(struct expected *e, const uint8_t *data, size_t n)
{
	for (size_t i = 0; i < n; i++, e->seen++) {
		uint64_t at = e->seen - TAR_BLOCK;

		if (e->seen < TAR_BLOCK)
			e->header[e->seen] = data[i];
		else if (e->seen >= e->all)
			return false;
		else if (data[i] !=
			 (at < buf_len(e->manifest)
				  ? ((const uint8_t *)buf_data(e->manifest))[at]
				  : 0))
			return false;
		if (e->seen == TAR_BLOCK - 1 && !is_header(e))
			return false;
	}
	return true;
}

/* Where the first frame ends; 0: it is not what it should be. */
static uint64_t frame_end(int fd, ZSTD_DStream *z, struct expected *e, uint8_t *in,
			  uint8_t *out)
{
	uint64_t at = 0;

	for (;;) {
		ssize_t n = pread(fd, in, CHUNK, (off_t)at);
		ZSTD_inBuffer from = {in, n > 0 ? (size_t)n : 0, 0};

		if (n <= 0)
			return 0;
		while (from.pos < from.size) {
			ZSTD_outBuffer to = {out, CHUNK, 0};
			size_t left = ZSTD_decompressStream(z, &to, &from);

			if (ZSTD_isError(left) || !is_next(e, out, to.pos))
				return 0;
			if (left == 0)
				return e->seen == e->all ? at + from.pos : 0;
		}
		at += from.pos;
	}
}

static uint64_t find_rest(int fd, const struct buf *manifest)
{
	struct expected e = {.manifest = manifest,
			     .all = TAR_BLOCK + round_up(buf_len(manifest))};
	_free_ uint8_t *in = malloc(CHUNK), *out = malloc(CHUNK);
	ZSTD_DStream *z = ZSTD_createDStream();
	uint64_t at = 0;

	if (in && out && z &&
	    !ZSTD_isError(
		    ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, LIMIT_ZSTD_WINDOW)))
		at = frame_end(fd, z, &e, in, out);
	ZSTD_freeDStream(z);
	return at;
}

void packed_find(int fd, const struct buf *manifest, struct packed *ret)
{
	_close_ int own = -1;
	char path[32];
	struct stat st;
	uint64_t at;

	*ret = (struct packed){.fd = -1};
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	/* lint: what is open already, once more */
	own = open(path, O_RDONLY | O_CLOEXEC);
	if (own < 0 || fstat(own, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	at = find_rest(own, manifest);
	if (at == 0 || at >= (uint64_t)st.st_size)
		return;
	ret->at = at;
	ret->end = (uint64_t)st.st_size;
	ret->fd = TAKE_FD(own);
}

void packed_fini(struct packed *p)
{
	if (p->end > 0)
		cleanup_close(&p->fd);
	*p = (struct packed){.fd = -1};
}

int packed_write(const struct packed *p, uint64_t total,
		 int (*sink)(void *arg, const void *data, size_t n), void *arg,
		 uint64_t *done, struct kf_error *err)
{
	_free_ uint8_t *chunk = malloc(CHUNK);
	uint64_t before = done ? *done : 0;
	uint64_t at = p->at;

	if (!chunk)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	while (at < p->end) {
		size_t left = p->end - at < CHUNK ? (size_t)(p->end - at) : CHUNK;
		ssize_t n = pread(p->fd, chunk, left, (off_t)at);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return kf_err(err, -errno, KF_REASON_IO, "read the package: %m");
		if (n == 0)
			return kf_err(err, -EBADMSG, KF_REASON_PACKAGE,
				      "the package became shorter while it was sent");
		if (atomic_load(cancel_flag()))
			return kf_err(err, -ECANCELED, KF_REASON_CANCELLED,
				      "it was cancelled");
		r = sink(arg, chunk, (size_t)n);
		if (r != 0)
			return r < 0 ? r : -ECANCELED;
		at += (uint64_t)n;
		if (done)
			*done = before +
				(uint64_t)((double)(at - p->at) /
					   (double)(p->end - p->at) * (double)total);
	}
	return 0;
}

int packed_link(const struct packed *p, int dir, const char *name)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", p->fd);
	return linkat(AT_FDCWD, path, dir, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

int packed_copy(const struct packed *p, int out)
{
	char path[32];
	_close_ int in = -1;

	if (ioctl(out, FICLONE, p->fd) == 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", p->fd);
	/* lint: what is open already, once more */
	in = open(path, O_RDONLY | O_CLOEXEC);
	return in < 0 ? -errno : fs_copy_fd(in, out, NULL);
}
