/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing packages.  Nothing of this machine gets into the bytes: owner 0, time 0, the
 * manifest's modes and order.  Each file of a package file is digested while it is read,
 * so that what is written is what was promised, whatever happened to it since it was
 * packed.  What goes to a board is digested there: once is enough.
 */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <string.h>
#include <zstd.h>

#include "controller/cancel.h"
#include "controller/kernel/kernel.h"
#include "proto/base/fs.h"
#include "proto/patch.h"
#include "proto/reason.h"

#define CHUNK	    (128 * 1024)
#define MT_BYTES    (8u << 20) /* from this size on, compressing takes more than one CPU */
#define MAX_WORKERS 4
#define JOB_BYTES                                                                        \
	(1 << 20)	  /* taken in before any comes out: progress is ahead by these */
#define PATCH_LEVEL	1 /* they are compressed already */
#define PATCH_LARGE	(64 * 1024) /* enough to change the level for */
#define ADAPTIVE_WINDOW 21	    /* log2: so much memory does it take on the board */

struct tar {
	struct archive *a;
	ZSTD_CCtx *z;
	kernel_sink_fn sink;
	void *arg;
	int failed; /* what the sink returned, or zstd's failure */
	int level;
	bool workers, in_frame, patching;
	bool checks;			/* nobody else digests what is written */
	const struct kernel_push *push; /* NULL: a package file */
	uint8_t *chunk, *out;
	uint64_t *done;
	struct kf_error *err;
};

/* Compress n bytes, or all that is left, and hand on what comes out. */
static int squeeze(struct tar *t, const void *data, size_t n, ZSTD_EndDirective how)
{
	ZSTD_inBuffer in = {data, n, 0};
	size_t left;
	int r;

	t->in_frame = how != ZSTD_e_end;
	do {
		ZSTD_outBuffer out = {t->out, CHUNK, 0};

		left = ZSTD_compressStream2(t->z, &out, &in, how);
		if (ZSTD_isError(left))
			return kf_err(t->err, -EIO, KF_REASON_IO, "compress: %s",
				      ZSTD_getErrorName(left));
		r = out.pos > 0 ? t->sink(t->arg, t->out, out.pos) : 0;
		if (r != 0)
			return r < 0 ? r : -ECANCELED;
	} while (how == ZSTD_e_end ? left > 0 : in.pos < in.size);
	return 0;
}

/* Workers take another level with their next piece, and keep the frame's window; without
 * them it takes another frame. */
static int set_level(struct tar *t, int level)
{
	int r = 0;

	if (level == t->level)
		return 0;
	if (t->in_frame && (!t->workers || !t->push->adapts))
		r = squeeze(t, NULL, 0, ZSTD_e_end);
	if (r == 0 &&
	    ZSTD_isError(ZSTD_CCtx_setParameter(t->z, ZSTD_c_compressionLevel, level)))
		return kf_err(t->err, -EINVAL, KF_REASON_INVALID,
			      "zstd does not know the level %d", level);
	t->level = level;
	return r;
}

static la_ssize_t on_write(struct archive *a, void *arg, const void *data, size_t n)
{
	struct tar *t = arg;

	if (t->failed == 0 && t->push)
		t->failed = set_level(t, t->patching ? PATCH_LEVEL
						     : t->push->level(t->push->arg));
	if (t->failed == 0)
		t->failed = squeeze(t, data, n, ZSTD_e_continue);
	if (t->failed == 0)
		return (la_ssize_t)n;
	archive_set_error(a, ECANCELED, "what takes the bytes ended it");
	return -1;
}

/* The sink knows better than libarchive what it did not like. */
static int archive_failed(struct tar *t)
{
	if (t->failed)
		return t->failed;
	return kf_err(t->err, -EIO, KF_REASON_IO, "write the package: %s",
		      archive_error_string(t->a) ? archive_error_string(t->a) : "failed");
}

/* libarchive's own zstd filter writes no checksum: a manifest that was altered on some
 * disk would pass for another one. */
static int open_zstd(struct tar *t, int level, uint64_t total)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	t->z = ZSTD_createCCtx();
	t->level = level;
	if (!t->z ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(t->z, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(t->z, ZSTD_c_checksumFlag, 1)))
		return kf_err(t->err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	/* A libzstd without threads refuses, and does without. */
	if (total >= MT_BYTES && cpus > 1) {
		t->workers = !ZSTD_isError(ZSTD_CCtx_setParameter(
			t->z, ZSTD_c_nbWorkers,
			cpus < MAX_WORKERS ? (int)cpus : MAX_WORKERS));
		ZSTD_CCtx_setParameter(t->z, ZSTD_c_jobSize, JOB_BYTES);
	}
	if (t->push && t->push->adapts)
		ZSTD_CCtx_setParameter(t->z, ZSTD_c_windowLog, ADAPTIVE_WINDOW);
	return 0;
}

static int open_archive(struct tar *t)
{
	t->a = archive_write_new();
	t->chunk = malloc(CHUNK);
	t->out = malloc(CHUNK);
	if (!t->a || !t->chunk || !t->out)
		return kf_err(t->err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (archive_write_set_format_pax_restricted(t->a) != ARCHIVE_OK ||
	    archive_write_add_filter_none(t->a) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(t->a, 0) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(t->a, 1) != ARCHIVE_OK ||
	    archive_write_open(t->a, t, NULL, on_write, NULL) != ARCHIVE_OK)
		return archive_failed(t);
	return 0;
}

static int write_header(struct tar *t, const char *path, uint32_t mode, uint64_t size)
{
	struct archive_entry *e = archive_entry_new();
	int r;

	if (!e)
		return kf_err(t->err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	archive_entry_set_pathname(e, path);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, mode);
	archive_entry_set_size(e, (la_int64_t)size);
	archive_entry_set_uid(e, 0);
	archive_entry_set_gid(e, 0);
	archive_entry_set_mtime(e, 0, 0);
	r = archive_write_header(t->a, e);
	archive_entry_free(e);
	return r == ARCHIVE_OK ? 0 : archive_failed(t);
}

static int changed(struct tar *t, const char *source)
{
	return kf_err(t->err, -ESTALE, KF_REASON_DIGEST,
		      "%s changed while it was being packed: let the build end, and try "
		      "again",
		      source);
}

static int write_file(struct tar *t, const struct manifest_file *f, const char *source)
{
	_close_ int fd = fs_open_beneath(AT_FDCWD, source, O_RDONLY | O_CLOEXEC, 0);
	struct digest_ctx ctx;
	struct digest d;
	uint64_t left = f->size;
	int r;

	if (fd < 0)
		return kf_err(t->err, fd, KF_REASON_IO, "open %s: %m", source);
	r = write_header(t, f->path, f->mode, f->size);
	digest_init(&ctx);
	while (r == 0 && left > 0) {
		ssize_t n = read(fd, t->chunk, left < CHUNK ? (size_t)left : CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return kf_err(t->err, -errno, KF_REASON_IO, "read %s: %m",
				      source);
		if (n == 0)
			return changed(t, source);
		if (atomic_load(cancel_flag()))
			return kf_err(t->err, -ECANCELED, KF_REASON_CANCELLED,
				      "it was cancelled");
		if (t->checks)
			digest_update(&ctx, t->chunk, (size_t)n);
		left -= (uint64_t)n;
		if (t->done)
			*t->done += (uint64_t)n;
		if (archive_write_data(t->a, t->chunk, (size_t)n) != n)
			return archive_failed(t);
	}
	if (r < 0 || !t->checks)
		return r;
	digest_final(&ctx, &d);
	return digest_equal(&d, &f->digest) ? 0 : changed(t, source);
}

/* In a frame of its own: what follows is all that a board without the files asks for, as
 * it is (packed.h). */
static int write_manifest(struct tar *t, const struct kernel *k)
{
	size_t n = buf_len(&k->manifest_bytes);
	int r = write_header(t, "manifest", 0644, n);

	if (r == 0 &&
	    (archive_write_data(t->a, buf_data(&k->manifest_bytes), n) != (la_ssize_t)n ||
	     archive_write_finish_entry(t->a) != ARCHIVE_OK))
		r = archive_failed(t);
	return r < 0 ? r : squeeze(t, NULL, 0, ZSTD_e_end);
}

/* 1: it went as a patch. */
static int write_patch(struct tar *t, const struct manifest_file *f, size_t i)
{
	_buf_ struct buf b = BUF_INIT;
	_free_ char *name = NULL;
	int r = t->push->patch(t->push->arg, i, &b, t->err);

	if (r <= 0)
		return r;
	name = malloc(strlen(PATCH_MEMBER) + strlen(f->path) + 1);
	if (!name)
		return kf_err(t->err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	stpcpy(stpcpy(name, PATCH_MEMBER), f->path);
	t->patching = buf_len(&b) >= PATCH_LARGE;
	r = write_header(t, name, f->mode, buf_len(&b));
	if (r == 0 && archive_write_data(t->a, buf_data(&b), buf_len(&b)) !=
			      (la_ssize_t)buf_len(&b))
		r = archive_failed(t);
	t->patching = false;
	if (t->done)
		*t->done += f->size;
	return r < 0 ? r : 1;
}

static int write_files(struct tar *t, const struct kernel *k, const uint8_t *want)
{
	const char *source;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < k->manifest.n_files; i++) {
		if (want && !(want[i / 8] & 1u << i % 8))
			continue;
		r = kernel_source(k, i, &source, t->err);
		if (r == 0 && t->push)
			r = write_patch(t, &k->manifest.files[i], i);
		if (r == 0)
			r = write_file(t, &k->manifest.files[i], source);
	}
	return r < 0 ? r : kernel_whole(k, t->err);
}

static int finish(struct tar *t, int r)
{
	if (r == 0 && archive_write_close(t->a) != ARCHIVE_OK)
		r = archive_failed(t);
	if (r == 0)
		r = squeeze(t, NULL, 0, ZSTD_e_end);
	/* An end that was not earned must not look like one: on_write() lets no more
	 * pass. (archive_write_fail() would say so to libarchive, and leak.) */
	if (r < 0 && t->failed == 0)
		t->failed = r;
	archive_write_free(t->a);
	ZSTD_freeCCtx(t->z);
	free(t->chunk);
	free(t->out);
	return r;
}

int kernel_write_tar(const struct kernel *k, const uint8_t *want, bool with_manifest,
		     int level, kernel_sink_fn sink, void *arg, uint64_t *done,
		     struct kf_error *err)
{
	struct tar t = {.sink = sink,
			.arg = arg,
			.done = done,
			.err = err,
			.checks = with_manifest};
	int r = open_zstd(&t, level, k->manifest.total_size);

	if (r == 0)
		r = open_archive(&t);
	if (r == 0 && with_manifest)
		r = write_manifest(&t, k);
	if (r == 0)
		r = write_files(&t, k, want);
	return finish(&t, r);
}

int kernel_write_push(const struct kernel *k, const struct kernel_push *push,
		      kernel_sink_fn sink, void *arg, uint64_t *done,
		      struct kf_error *err)
{
	struct tar t = {.sink = sink, .arg = arg, .done = done, .err = err, .push = push};
	uint64_t bytes = 0;
	int r;

	for (size_t i = 0; i < k->manifest.n_files; i++)
		if (push->want[i / 8] & 1u << i % 8)
			bytes += k->manifest.files[i].size;
	r = open_zstd(&t, push->level(push->arg), bytes);
	if (r == 0)
		r = open_archive(&t);
	if (r == 0)
		r = write_files(&t, k, push->want);
	return finish(&t, r);
}
