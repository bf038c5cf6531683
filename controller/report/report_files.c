// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reports on the disk.  A report is replaced as a whole; a pipe or a device is written to
 * as it is.
 */
#include "controller/report/report_files.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

/* Is it, or would it be, a file? */
static bool is_plain(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 || S_ISREG(st.st_mode);
}

static int prepare(const char *path, bool appended, struct kf_error *err)
{
	_free_ char *dir = path ? strdup(path) : NULL;
	char *slash = dir ? strrchr(dir, '/') : NULL;
	struct stat st;
	int r = 0;

	if (!path)
		return 0;
	if (slash && slash > dir) {
		*slash = '\0';
		r = fs_mkdirs(AT_FDCWD, dir);
		if (r < 0)
			return kf_err(err, r, KF_REASON_IO, "make the directory %s: %m",
				      dir);
	}
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return kf_err(err, -EISDIR, KF_REASON_INVALID,
			      "%s is a directory: a report is a file", path);
	if (!is_plain(path))
		return 0;
	if (access(slash && slash > dir ? dir : slash ? "/" : ".", W_OK) < 0)
		return kf_err(err, -errno, KF_REASON_IO, "write %s: %m", path);
	if (!appended && unlink(path) < 0 && errno != ENOENT)
		return kf_err(err, -errno, KF_REASON_IO, "remove the old %s: %m", path);
	return 0;
}

int report_files_prepare(const struct report_files *f, struct kf_error *err)
{
	int r = prepare(f->junit, false, err);

	if (r == 0)
		r = prepare(f->ktap, false, err);
	if (r == 0)
		r = prepare(f->kcidb, false, err);
	if (r == 0)
		r = prepare(f->summary, true, err);
	if (r == 0 && f->artifacts) {
		r = fs_mkdirs(AT_FDCWD, f->artifacts);
		if (r < 0)
			return kf_err(err, r, KF_REASON_IO, "make the directory %s: %m",
				      f->artifacts);
		if (access(f->artifacts, W_OK) < 0)
			return kf_err(err, -errno, KF_REASON_IO, "write to %s: %m",
				      f->artifacts);
	}
	return r;
}

static int put(const char *path, bool append, struct buf *b)
{
	int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
	_close_ int fd = -1;

	if (!append && is_plain(path))
		return fs_replace(AT_FDCWD, path, buf_data(b), buf_len(b), 0644);
	fd = fs_open_beneath(AT_FDCWD, path, flags, 0644);
	return fd < 0 ? fd : fs_write_all(fd, buf_data(b), buf_len(b));
}

typedef int (*writer_fn)(const struct report *r, struct buf *out);

static int write_one(const char *path, bool append, writer_fn writer,
		     const struct report *r, struct ui *ui)
{
	_buf_ struct buf b = BUF_INIT;
	int rc;

	if (!path)
		return 0;
	rc = writer(r, &b);
	if (rc == 0)
		rc = put(path, append, &b);
	if (rc < 0)
		ui_warn(ui, "the report %s could not be written: %s", path,
			strerror(-rc));
	return rc;
}

static int write_kcidb(const struct report_files *f, const struct report *r,
		       struct ui *ui)
{
	_buf_ struct buf b = BUF_INIT;
	int rc;

	if (!f->kcidb)
		return 0;
	rc = report_kcidb(r, f->origin, &b);
	if (rc == 0)
		rc = put(f->kcidb, false, &b);
	if (rc < 0)
		ui_warn(ui, "the report %s could not be written: %s", f->kcidb,
			strerror(-rc));
	return rc;
}

/* GitHub reads both; with --json standard output is JSON and nothing else. */
static int write_annotations(const struct report *r, struct ui *ui)
{
	_buf_ struct buf b = BUF_INIT;
	int rc = report_annotations(r, &b);

	if (rc == 0 && buf_len(&b))
		ui_commands(ui, (const char *)buf_data(&b), buf_len(&b));
	return rc;
}

int report_files_write(const struct report_files *f, const struct report *r,
		       struct ui *ui)
{
	int rc = write_one(f->junit, false, report_junit, r, ui), next;

	next = write_one(f->ktap, false, report_ktap, r, ui);
	rc = rc < 0 ? rc : next;
	next = write_one(f->summary, true, report_markdown, r, ui);
	rc = rc < 0 ? rc : next;
	next = write_kcidb(f, r, ui);
	rc = rc < 0 ? rc : next;
	next = f->annotations ? write_annotations(r, ui) : 0;
	return rc < 0 ? rc : next;
}

/* --- artifacts -------------------------------------------------------------------------
 */

struct copy {
	int to;
};

static int copy_file(void *arg, int dirfd, const char *name, const char *path,
		     const struct stat *st)
{
	const struct copy *c = arg;
	_close_ int in = -1, out = -1;
	uint64_t bytes;
	int r;

	if (!S_ISREG(st->st_mode))
		return 0;
	in = fs_open_beneath(dirfd, name, O_RDONLY | O_CLOEXEC, 0);
	if (in < 0)
		return in;
	r = fs_mkdirs_parent(c->to, path);
	if (r < 0)
		return r;
	out = fs_open_beneath(c->to, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			      0644);
	return out < 0 ? out : fs_copy_fd(in, out, &bytes);
}

/* Only what an earlier run left may be removed. */
static int make_room(int artifacts, const char *board)
{
	_free_ char *result = strf("%s/result.json", board);
	int r;

	if (!result)
		return -ENOMEM;
	if (fs_exists(artifacts, result)) {
		r = fs_remove_tree(artifacts, board);
		if (r < 0)
			return r;
	}
	return fs_mkdirs(artifacts, board);
}

int report_files_keep(const struct report_files *f, const char *run_dir,
		      const char *board, struct kf_error *err)
{
	_close_ int artifacts = -1, to = -1, from = -1;
	int r;

	if (!f->artifacts)
		return 0;
	artifacts = fs_open_dir(AT_FDCWD, f->artifacts);
	r = artifacts < 0 ? artifacts : make_room(artifacts, board);
	if (r == 0)
		r = to = fs_open_dir(artifacts, board);
	if (r >= 0)
		r = from = fs_open_dir(AT_FDCWD, run_dir);
	if (r >= 0)
		r = fs_walk(from, ".", copy_file, &(struct copy){.to = to});
	return r < 0 ? kf_err(err, r, KF_REASON_IO, "copy %s to %s/%s: %m", run_dir,
			      f->artifacts, board)
		     : 0;
}

void report_files_excerpt(struct report_run *run, const char *run_dir)
{
	const char *log = *run->log ? run->log : "dmesg";
	_buf_ struct buf b = BUF_INIT;
	_close_ int dir = -1, fd = -1;
	struct stat st;
	off_t skip = 0;
	uint8_t *at;
	ssize_t n = -1;

	if (strcmp(run->verdict, "PASS") == 0)
		return;
	dir = fs_open_dir(AT_FDCWD, run_dir);
	fd = dir < 0 ? dir : fs_open_beneath(dir, log, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	if (st.st_size > REPORT_EXCERPT)
		skip = st.st_size - REPORT_EXCERPT;
	if (buf_reserve(&b, REPORT_EXCERPT, &at) == 0)
		n = pread(fd, at, REPORT_EXCERPT, skip);
	/* Without it the report has less to show. */
	if (n > 0 && report_set_excerpt(run, at, (size_t)n) < 0)
		run->excerpt = NULL;
}
