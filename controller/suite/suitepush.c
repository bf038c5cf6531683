// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The digest is of paths, kinds, modes, contents and the targets of links, in the byte
 * order of the paths; times and owners do not count, and are not sent.
 */
#include "controller/suite/suitepush.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/cancel.h"
#include "controller/suite/boardcmd.h"
#include "proto/base/fs.h"
#include "proto/digest.h"
#include "proto/reason.h"

#define CHUNK	 (128 * 1024)
#define SHORT_MS 60000 /* for the small programs */

struct push {
	struct suitepush *p;
	struct client *c;
	struct ui *ui;
	struct kf_error *err;
	struct archive *a;
	uint8_t *chunk;
	uint64_t done;
	int failed; /* of sending: err has it */
	struct digest_ctx digest;
};

static int failed(struct push *x, int r, const char *what, const char *path)
{
	return kf_err(x->err, r, KF_REASON_IO, "%s %s/%s: %m", what, x->p->from, path);
}

static int link_target(struct push *x, int dirfd, const char *name, const char *path,
		       char target[static PATH_MAX])
{
	ssize_t n = readlinkat(dirfd, name, target, PATH_MAX - 1);

	if (n < 0)
		return failed(x, -errno, "read the link", path);
	target[n] = '\0';
	return 0;
}

/* --- what is there ------------------------------------------------------------------ */

static int take_file(void *arg, int dirfd, const char *name, const char *path,
		     const struct stat *st)
{
	struct push *x = arg;
	char head[64], target[PATH_MAX] = "";
	struct digest d = {{0}};
	uint64_t size = 0;
	int r = 0;

	if (atomic_load(cancel_flag()))
		return kf_err(x->err, -ECANCELED, KF_REASON_CANCELLED, "cancelled");
	if (strcmp(path, SUITEPUSH_MARK) == 0 ||
	    (!S_ISREG(st->st_mode) && !S_ISLNK(st->st_mode)))
		return 0;
	if (S_ISLNK(st->st_mode)) {
		r = link_target(x, dirfd, name, path, target);
		digest_bytes(target, strlen(target), &d);
	} else {
		_close_ int fd = fs_open_beneath(dirfd, name, O_RDONLY | O_CLOEXEC, 0);

		r = fd < 0 ? fd : digest_fd(fd, &d, &size);
		if (r < 0)
			r = failed(x, r, "read", path);
	}
	if (r < 0)
		return r;
	x->p->files++;
	x->p->bytes += size;
	if (x->p->files > SUITEPUSH_FILES || x->p->bytes > SUITEPUSH_BYTES)
		return kf_err(x->err, -E2BIG, KF_REASON_INVALID,
			      "%s has more than %u files or %llu GiB: is it the suite's "
			      "directory?",
			      x->p->from, SUITEPUSH_FILES,
			      (unsigned long long)(SUITEPUSH_BYTES >> 30));
	snprintf(head, sizeof(head), "%c %o ", S_ISLNK(st->st_mode) ? 'l' : 'f',
		 st->st_mode & 0777);
	digest_update(&x->digest, head, strlen(head));
	digest_update(&x->digest, path, strlen(path) + 1);
	digest_update(&x->digest, d.b, sizeof(d.b));
	return 0;
}

static int look(struct push *x, int from, char hex[static DIGEST_HEX])
{
	struct digest d;
	int r;

	digest_init(&x->digest);
	r = fs_walk(from, ".", take_file, x);
	if (r < 0)
		return x->err->code ? r : failed(x, r, "read", "");
	if (x->p->files == 0)
		return kf_err(x->err, -ENOENT, KF_REASON_NOT_FOUND,
			      "%s is empty: the suite was not built there", x->p->from);
	digest_final(&x->digest, &d);
	digest_hex(&d, hex);
	return 0;
}

/* What the board's directory has.  1: that is what is wanted. */
static int ask_board(struct push *x, const char *hex)
{
	char mark[PATH_MAX];
	const char *cat[] = {"cat", mark, NULL}, *ls[] = {"ls", "-A", x->p->to, NULL};
	_buf_ struct buf out = BUF_INIT;
	int status = 0, r;

	snprintf(mark, sizeof(mark), "%s/%s", x->p->to, SUITEPUSH_MARK);
	r = boardcmd_run(x->c, cat, SHORT_MS, &out, &status, x->err);
	if (r < 0)
		return r;
	if (status == 0)
		return strcmp(boardcmd_last_line(&out), hex) == 0 ? 1 : 0;
	buf_reset(&out);
	r = boardcmd_run(x->c, ls, SHORT_MS, &out, &status, x->err);
	if (r < 0 || status != 0 || !*boardcmd_last_line(&out))
		return r;
	return kf_err(
		x->err, -EEXIST, KF_REASON_EXISTS,
		"%s is there on the board and not a suite that kferry put there (it "
		"has no %s): remove it, or set push.to",
		x->p->to, SUITEPUSH_MARK);
}

/* --- the tar ------------------------------------------------------------------------ */

static la_ssize_t on_write(struct archive *a, void *arg, const void *data, size_t n)
{
	struct push *x = arg;

	if (x->failed == 0)
		x->failed = client_send_data(x->c, data, n, 0,
					     deadline_in(x->p->timeout_ms), x->err);
	if (x->failed == 0)
		return (la_ssize_t)n;
	archive_set_error(a, ECANCELED, "sending failed");
	return -1;
}

static int tar_failed(struct push *x)
{
	const char *why = archive_error_string(x->a);

	if (x->failed)
		return x->failed;
	return kf_err(x->err, -EIO, KF_REASON_IO, "make a tar of %s: %s", x->p->from,
		      why ? why : "failed");
}

static int put_head(struct push *x, const char *path, unsigned mode, uint64_t size,
		    const char *target)
{
	struct archive_entry *e = archive_entry_new();
	int r = -ENOMEM;

	if (e) {
		archive_entry_set_pathname(e, path);
		archive_entry_set_filetype(e, target ? AE_IFLNK : AE_IFREG);
		archive_entry_set_perm(e, mode & 0777);
		archive_entry_set_size(e, (int64_t)size);
		if (target)
			archive_entry_set_symlink(e, target);
		r = archive_write_header(x->a, e) == ARCHIVE_OK ? 0 : tar_failed(x);
		archive_entry_free(e);
	}
	return r == -ENOMEM ? kf_err(x->err, r, KF_REASON_NO_MEMORY, "no memory") : r;
}

static int put_mark(struct push *x, const char *hex)
{
	size_t n = strlen(hex);
	int r = put_head(x, SUITEPUSH_MARK, 0644, n, NULL);

	if (r == 0 && archive_write_data(x->a, hex, n) != (la_ssize_t)n)
		r = tar_failed(x);
	return r;
}

static int put_bytes(struct push *x, int fd, const char *path, uint64_t size)
{
	char text[40];

	while (size > 0) {
		ssize_t n = read(fd, x->chunk, size < CHUNK ? (size_t)size : CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return failed(x, n < 0 ? -errno : -EIO, "read", path);
		if (archive_write_data(x->a, x->chunk, (size_t)n) != n)
			return tar_failed(x);
		size -= (uint64_t)n;
		x->done += (uint64_t)n;
		snprintf(text, sizeof(text), "%zu files", x->p->files);
		ui_progress(x->ui, "push", x->p->board, x->done, x->p->bytes, text);
	}
	return 0;
}

static int put_file(void *arg, int dirfd, const char *name, const char *path,
		    const struct stat *st)
{
	struct push *x = arg;
	char target[PATH_MAX];
	_close_ int fd = -1;
	int r;

	if (strcmp(path, SUITEPUSH_MARK) == 0)
		return 0;
	if (S_ISLNK(st->st_mode)) {
		r = link_target(x, dirfd, name, path, target);
		return r < 0 ? r : put_head(x, path, 0777, 0, target);
	}
	if (!S_ISREG(st->st_mode))
		return 0;
	fd = fs_open_beneath(dirfd, name, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return failed(x, fd, "read", path);
	r = put_head(x, path, st->st_mode, (uint64_t)st->st_size, NULL);
	return r < 0 ? r : put_bytes(x, fd, path, (uint64_t)st->st_size);
}

static int write_tar(struct push *x, int from, const char *hex)
{
	int r;

	x->a = archive_write_new();
	x->chunk = malloc(CHUNK);
	if (!x->a || !x->chunk)
		return kf_err(x->err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	/* GNU's form: the one that busybox's tar knows all of. */
	if (archive_write_set_format_gnutar(x->a) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(x->a, CHUNK) != ARCHIVE_OK ||
	    archive_write_open(x->a, x, NULL, on_write, NULL) != ARCHIVE_OK)
		return tar_failed(x);
	r = put_mark(x, "not whole\n");
	if (r == 0)
		r = fs_walk(from, ".", put_file, x);
	if (r == 0)
		r = put_mark(x, hex);
	if (r == 0 && archive_write_close(x->a) != ARCHIVE_OK)
		r = tar_failed(x);
	return r;
}

static int send_tar(struct push *x, int from, const char *hex)
{
	const char *argv[] = {"tar", "-x", "-o", "-f", "-", "-C", x->p->to, NULL};
	_buf_ struct buf out = BUF_INIT;
	const char *said;
	int status = 0;
	int r = boardcmd_start(x->c, argv, x->p->timeout_ms, x->err);

	if (r == 0)
		r = write_tar(x, from, hex);
	if (r == 0)
		r = client_send_data(x->c, NULL, 0, FRAME_END,
				     deadline_in(x->p->timeout_ms), x->err);
	if (r == 0)
		r = boardcmd_finish(x->c, x->p->timeout_ms, &out, &status, x->err);
	if (r < 0 || status == 0)
		return r;
	said = boardcmd_last_line(&out);
	return kf_err(x->err, -EIO, KF_REASON_EXEC,
		      "unpack in %s on the board: tar: exit status %d%s%.300s", x->p->to,
		      status, *said ? ": " : "", said);
}

static int replace(struct push *x, int from, const char *hex)
{
	const char *rm[] = {"rm", "-rf", "--", x->p->to, NULL};
	const char *mkdir[] = {"mkdir", "-p", "-m", "0755", "--", x->p->to, NULL};
	int r = boardcmd_check(x->c, rm, SHORT_MS, "remove the suite that was there",
			       x->err);

	if (r == 0)
		r = boardcmd_check(x->c, mkdir, SHORT_MS, "make the suite's directory",
				   x->err);
	return r < 0 ? r : send_tar(x, from, hex);
}

int suitepush(struct suitepush *p, struct client *c, struct ui *ui, struct kf_error *err)
{
	struct push x = {.p = p, .c = c, .ui = ui, .err = err};
	_close_ int from = fs_open_dir(AT_FDCWD, p->from);
	char hex[DIGEST_HEX];
	int r;

	if (from < 0)
		return kf_err(err, from, KF_REASON_NOT_FOUND,
			      "open %s, which is to be pushed: %m", p->from);
	r = look(&x, from, hex);
	if (r == 0)
		r = ask_board(&x, hex);
	p->already = r == 1;
	if (r == 0)
		r = replace(&x, from, hex);
	ui_progress_end(ui, p->board);
	archive_write_free(x.a);
	free(x.chunk);
	return r < 0 ? r : 0;
}
