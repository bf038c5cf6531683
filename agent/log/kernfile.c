/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing kmsg.zst.  The compressor's tables and window are small: the agent idles in a
 * few megabytes, and a kernel's log repeats itself within a few kilobytes.
 */
#include "agent/log/kernfile.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <zstd.h>

#include "agent/log/kernlog.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"

#define WINDOW_LOG 15
#define HASH_LOG   13
#define CHAIN_LOG  6
#define OUT_SIZE   (16 * 1024)
#define SCAN_SIZE  (16 * 1024)

struct kernfile {
	int fd;
	ZSTD_CCtx *zstd;
	uint64_t unpacked, packed;
	uint64_t whole; /* of packed: where the last flush ended, or nothing is torn */
	uint64_t last_seq;
	bool any;
	bool half_line; /* what is there ends inside a record */
	bool open_frame;
	int failed;
	char *out;
};

/* --- what an earlier run left --------------------------------------------------- */

/* Walk the records of data for the last number; returns the bytes that are done with. */
static size_t note_records(struct kernfile *f, const char *data, size_t n)
{
	size_t at = 0, len;

	while ((len = kmsg_record_len(data + at, n - at, 0)) > 0) {
		struct kmsg_record r;

		if (kmsg_parse(data + at, len, &r) == 0) {
			f->last_seq = r.seq;
			f->any = true;
		}
		at += len;
	}
	return at;
}

static int scan(struct kernfile *f, struct kernlog_file *in)
{
	_buf_ struct buf b = BUF_INIT;
	struct kmsg_record last;
	uint8_t *at;
	ssize_t n;
	int r;

	for (;;) {
		r = buf_reserve(&b, SCAN_SIZE, &at);
		if (r < 0)
			return r;
		n = kernlog_file_read(in, at, SCAN_SIZE);
		if (n <= 0)
			break;
		buf_commit(&b, (size_t)n);
		f->unpacked += (uint64_t)n;
		buf_consume(&b, note_records(f, (const char *)buf_data(&b), buf_len(&b)));
	}
	if (buf_len(&b) > 0 &&
	    kmsg_parse((const char *)buf_data(&b), buf_len(&b), &last) == 0) {
		f->last_seq = last.seq;
		f->any = true;
	}
	f->half_line = buf_len(&b) > 0 && buf_data(&b)[buf_len(&b) - 1] != '\n';
	return (int)n;
}

static int cut(struct kernfile *f, uint64_t size)
{
	if (ftruncate(f->fd, (off_t)size) < 0)
		return -errno;
	f->packed = size;
	return 0;
}

/* After a write that failed: what it may have left could not be continued. */
static void cut_back(struct kernfile *f)
{
	int r = cut(f, f->whole);

	if (r < 0)
		log_warn("kernlog-torn error=\"%s\"", strerror(-r));
}

/* As kernlog_file_tail(). */
static int look(struct kernfile *f, int dir_fd, const void *closing, size_t n)
{
	struct kernlog_file *in;
	int r = kernlog_file_open(dir_fd, &in);

	f->unpacked = 0;
	f->any = f->half_line = false;
	if (r < 0)
		return r;
	r = scan(f, in);
	if (r == 0)
		r = kernlog_file_tail(in, closing, n);
	kernlog_file_close(in);
	return r;
}

/*
 * Read what is there, and close a frame that has no end: an empty last block does that,
 * because every flush ends a block.  What is torn goes on behind its last whole block,
 * and what is damaged before that is given up: the kernel's own buffer fills it again.
 */
static int continue_file(struct kernfile *f, int dir_fd)
{
	static const uint8_t last_block[] = {0x01, 0x00, 0x00};
	int r = look(f, dir_fd, last_block, sizeof(last_block));

	for (int whole = 1; r == -EBADMSG && whole >= 0; whole--) {
		r = cut(f, whole ? kernlog_file_whole(f->fd, f->packed) : 0);
		if (r == 0)
			r = look(f, dir_fd, last_block, sizeof(last_block));
	}
	f->whole = f->packed;
	if (r <= 0)
		return r;
	r = fs_write_all(f->fd, last_block, sizeof(last_block));
	if (r < 0) {
		cut_back(f);
		return r;
	}
	f->packed += sizeof(last_block);
	return 0;
}

/* --- writing -------------------------------------------------------------------- */

static int fail(struct kernfile *f, int code)
{
	log_warn("kernlog-not-kept error=\"%s\"", strerror(-code));
	f->failed = code;
	return code;
}

static int pack(struct kernfile *f, const char *data, size_t n, ZSTD_EndDirective how)
{
	ZSTD_inBuffer in = {data, n, 0};
	size_t left;

	if (f->failed)
		return f->failed;
	do {
		ZSTD_outBuffer out = {f->out, OUT_SIZE, 0};
		int r;

		left = ZSTD_compressStream2(f->zstd, &out, &in, how);
		r = ZSTD_isError(left) ? -EIO : fs_write_all(f->fd, f->out, out.pos);
		if (r < 0) {
			cut_back(f);
			return fail(f, r);
		}
		f->packed += out.pos;
	} while (how == ZSTD_e_continue ? in.pos < in.size : left > 0);
	f->open_frame = how != ZSTD_e_end;
	if (how != ZSTD_e_continue)
		f->whole = f->packed;
	return 0;
}

int kernfile_append(struct kernfile *f, const char *data, size_t n)
{
	static const char full[] =
		"28,0,0,-;kferryd: the log is full, later records are not kept\n";
	int r = pack(f, data, n, ZSTD_e_continue);

	if (r < 0)
		return r;
	f->unpacked += n;
	if (f->packed < KERNFILE_MAX)
		return 0;
	r = pack(f, full, sizeof(full) - 1, ZSTD_e_end);
	if (r < 0)
		return r;
	f->unpacked += sizeof(full) - 1;
	return fail(f, -EFBIG);
}

int kernfile_flush(struct kernfile *f)
{
	return f->open_frame ? pack(f, NULL, 0, ZSTD_e_flush) : f->failed;
}

int kernfile_fd(const struct kernfile *f)
{
	return f->fd;
}

uint64_t kernfile_bytes(const struct kernfile *f)
{
	return f->unpacked;
}

bool kernfile_last(const struct kernfile *f, uint64_t *ret_seq)
{
	if (f->any)
		*ret_seq = f->last_seq;
	return f->any;
}

/* --- life ----------------------------------------------------------------------- */

static int make_packer(struct kernfile *f)
{
	static const struct {
		ZSTD_cParameter param;
		int value;
	} params[] = {
		{ZSTD_c_compressionLevel, 1},
		{ZSTD_c_windowLog, WINDOW_LOG},
		{ZSTD_c_hashLog, HASH_LOG},
		{ZSTD_c_chainLog, CHAIN_LOG},
	};

	f->out = malloc(OUT_SIZE);
	f->zstd = ZSTD_createCCtx();
	if (!f->out || !f->zstd)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(params); i++)
		if (ZSTD_isError(ZSTD_CCtx_setParameter(f->zstd, params[i].param,
							params[i].value)))
			return -EINVAL;
	return 0;
}

static void kernfile_free(struct kernfile *f)
{
	if (f->fd >= 0)
		close(f->fd);
	ZSTD_freeCCtx(f->zstd);
	free(f->out);
	free(f);
}

static int open_file(struct kernfile *f, int dir_fd)
{
	struct stat st;

	f->fd = fs_open_beneath(dir_fd, KERNFILE_NAME,
				O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (f->fd < 0)
		return f->fd;
	if (fstat(f->fd, &st) < 0)
		return -errno;
	f->packed = (uint64_t)st.st_size;
	return st.st_size > 0 ? continue_file(f, dir_fd) : 0;
}

int kernfile_open(int dir_fd, struct kernfile **ret)
{
	struct kernfile *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->fd = -1;
	r = open_file(f, dir_fd);
	if (r == 0)
		r = make_packer(f);
	if (r < 0) {
		kernfile_free(f);
		return r;
	}
	f->whole = f->packed;
	if (f->packed >= KERNFILE_MAX)
		f->failed = -EFBIG;
	else if (f->half_line)
		(void)!kernfile_append(f, "\n", 1);
	*ret = f;
	return 0;
}

void kernfile_close(struct kernfile *f)
{
	if (!f)
		return;
	if (f->open_frame && pack(f, NULL, 0, ZSTD_e_end) == 0)
		(void)!fdatasync(f->fd);
	kernfile_free(f);
}
