// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * All files are made ready in a directory beside their places, on the same file system,
 * and looked at, before the first of them is moved.  A move exchanges the two, so that it
 * can be taken back.
 */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "controller/backup/backup_internal.h"
#include "controller/history/history.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define BLOCK	   ((size_t)64 * 1024)
#define NAME_SHOWN 200
#define HEAD_MAX   256

enum { CONFIG, DATA, PLACES };

struct place {
	const char *top; /* "config/" */
	char *dir;	 /* where its files belong */
	char *ready;	 /* where they are made ready */
	int to, from;	 /* both open */
};

struct file {
	int place;
	char *path; /* below it */
	bool same;  /* is there already */
	bool there; /* something else is */
	bool moved;
};

struct restore {
	struct archive *a;
	struct place places[PLACES];
	struct file *files;
	size_t n;
	uint64_t total;
	char *block, *history; /* the latter: its file, made ready */
};

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

static int refuse(const char *name, const char *why, struct kf_error *err)
{
	return kf_err(err, -EBADMSG, KF_REASON_PACKAGE, "%.*s: %s; nothing was changed",
		      NAME_SHOWN, name, why);
}

/* --- reading --------------------------------------------------------------------------
 */

static int read_head(struct restore *r, struct kf_error *err)
{
	static const char no[] = "this is no backup of kferry";
	struct archive_entry *e;
	char text[HEAD_MAX + 1];
	const char *name;
	unsigned version = 0;
	la_ssize_t n;

	if (archive_read_next_header(r->a, &e) != ARCHIVE_OK)
		return refuse("the backup", no, err);
	name = archive_entry_pathname(e);
	if (!name || strcmp(name, BACKUP_HEAD) != 0 || archive_entry_size(e) > HEAD_MAX)
		return refuse("the backup", no, err);
	n = archive_read_data(r->a, text, HEAD_MAX);
	if (n < 0)
		return refuse("the backup", no, err);
	text[n] = '\0';
	if (sscanf(text, BACKUP_HEAD " %u\n", &version) != 1 || version < 1)
		return refuse("the backup", no, err);
	if (version > BACKUP_VERSION)
		return kf_err(err, -EPROTONOSUPPORT, KF_REASON_VERSION,
			      "the backup is of a newer kferry (version %u; this one "
			      "knows %d)",
			      version, BACKUP_VERSION);
	return 0;
}

static int write_data(struct restore *r, int fd, const char *name, struct kf_error *err)
{
	la_ssize_t n;
	int rc = 0;

	while (rc == 0 && (n = archive_read_data(r->a, r->block, BLOCK)) != 0) {
		if (n < 0)
			return refuse(name, "it is cut off or damaged", err);
		rc = fs_write_all(fd, r->block, (size_t)n);
	}
	return rc < 0 ? kf_err(err, rc, KF_REASON_IO, "write %s: %m", name) : 0;
}

/* One file, below the directory where it is made ready. */
static int take_file(struct restore *r, int dir, const char *path,
		     struct archive_entry *e, struct kf_error *err)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
					  {.tv_sec = archive_entry_mtime(e)}};
	_close_ int fd = -1;
	int rc = fs_mkdirs_parent(dir, path);

	if (rc == 0)
		rc = fd = fs_open_beneath(dir, path,
					  O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (rc == -EEXIST)
		return refuse(path, "it is in the backup twice", err);
	if (rc >= 0)
		rc = write_data(r, fd, path, err);
	else
		return kf_err(err, rc, KF_REASON_IO, "make %s ready: %m", path);
	if (rc == 0 &&
	    (fchmod(fd, archive_entry_perm(e) & 0755) < 0 || futimens(fd, times) < 0))
		rc = kf_err(err, -errno, KF_REASON_IO, "make %s ready: %m", path);
	return rc;
}

static int add_file(struct restore *r, int place, const char *path, struct kf_error *err)
{
	struct file *more = reallocarray(r->files, r->n + 1, sizeof(*more));

	if (!more)
		return no_memory(err);
	r->files = more;
	more[r->n] = (struct file){.place = place, .path = strdup(path)};
	return more[r->n++].path ? 0 : no_memory(err);
}

/* NULL: it may be; else why not. */
static const char *fault(struct restore *r, const char *name, struct archive_entry *e)
{
	bool history = strcmp(name, BACKUP_HISTORY) == 0;
	la_int64_t size = archive_entry_size(e);

	if (archive_entry_filetype(e) != AE_IFREG || archive_entry_hardlink(e) ||
	    archive_entry_sparse_count(e) > 0)
		return "it is no plain file";
	if (!text_is_path(name, strlen(name)))
		return "the path is not allowed";
	if (size < 0 || size > (history ? BACKUP_HISTORY_MAX : BACKUP_FILE_MAX))
		return "it is too large";
	r->total += (uint64_t)size;
	if (r->total > BACKUP_TOTAL_MAX)
		return "all of it is too large";
	if (r->n >= BACKUP_ENTRIES)
		return "there are too many files";
	return NULL;
}

static int take_entry(struct restore *r, struct archive_entry *e, struct kf_error *err)
{
	const char *name = archive_entry_pathname(e) ?: archive_entry_pathname_utf8(e);
	const char *why = name ? fault(r, name, e) : "its name cannot be read";
	int rc;

	if (why)
		return refuse(name ? name : "?", why, err);
	if (strcmp(name, BACKUP_HISTORY) == 0) {
		if (r->history)
			return refuse(name, "it is in the backup twice", err);
		r->history =
			strf("%s/" RESTORE_PREFIX BACKUP_HISTORY, r->places[DATA].ready);
		return r->history ? take_file(r, r->places[DATA].from,
					      RESTORE_PREFIX BACKUP_HISTORY, e, err)
				  : no_memory(err);
	}
	for (int i = 0; i < PLACES; i++) {
		const char *path = name + strlen(r->places[i].top);

		if (strncmp(name, r->places[i].top, strlen(r->places[i].top)) != 0)
			continue;
		if (backup_skips(path))
			return refuse(name, "no backup has that", err);
		rc = take_file(r, r->places[i].from, path, e, err);
		return rc < 0 ? rc : add_file(r, i, path, err);
	}
	return refuse(name, "no backup has that", err);
}

static int read_all(struct restore *r, int fd, struct kf_error *err)
{
	struct archive_entry *e;
	int got, rc;

	if (archive_read_support_format_tar(r->a) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(r->a) != ARCHIVE_OK)
		return no_memory(err);
	if (archive_read_open_fd(r->a, fd, BLOCK) != ARCHIVE_OK)
		return refuse("the backup", "this is no backup of kferry", err);
	rc = read_head(r, err);
	while (rc == 0) {
		got = archive_read_next_header(r->a, &e);
		if (got == ARCHIVE_EOF)
			return 0;
		if (got != ARCHIVE_OK && got != ARCHIVE_WARN)
			return refuse("the backup", "it is cut off or damaged", err);
		rc = take_entry(r, e, err);
	}
	return rc;
}

/* --- looking --------------------------------------------------------------------------
 */

static int read_one(int dir, const char *path, struct buf *b)
{
	_close_ int fd = fs_open_beneath(dir, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	struct stat st;
	uint8_t *at;
	ssize_t n;
	int rc;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EISDIR;
	do {
		rc = buf_reserve(b, BLOCK, &at);
		if (rc < 0)
			return rc;
		n = read(fd, at, BLOCK);
		if (n > 0)
			buf_commit(b, (size_t)n);
	} while (n > 0);
	return n < 0 ? -errno : 0;
}

/* What is in its place now. */
static int look(struct restore *r, struct file *f, struct kf_error *err)
{
	const struct place *p = &r->places[f->place];
	_buf_ struct buf old = {.max = BACKUP_FILE_MAX + BLOCK},
			 new = {.max = BACKUP_FILE_MAX + BLOCK};
	int rc = read_one(p->to, f->path, &old);

	if (rc == -ENOENT)
		return 0;
	/* Of other kinds, or too large to be the same. */
	if (rc == -ELOOP || rc == -EISDIR || rc == -ENOTDIR)
		return kf_err(
			err, rc, KF_REASON_EXISTS,
			"%s/%s, or what it is in, is a link or no file: nothing was "
			"changed",
			p->dir, f->path);
	if (rc == 0)
		rc = read_one(p->from, f->path, &new);
	else if (rc == -EMSGSIZE)
		rc = 0;
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "read %s/%s: %m", p->dir, f->path);
	f->same = buf_len(&old) == buf_len(&new) &&
		  (buf_len(&old) == 0 ||
		   memcmp(buf_data(&old), buf_data(&new), buf_len(&old)) == 0);
	f->there = !f->same;
	return 0;
}

static int look_at_all(struct restore *r, const char *history, bool force,
		       struct kf_error *err)
{
	bool kept = r->history && fs_exists(AT_FDCWD, history);
	size_t n = kept;
	const char *first = kept ? history : NULL;
	int rc = 0;

	for (size_t i = 0; i < r->n && rc == 0; i++) {
		rc = look(r, &r->files[i], err);
		if (!r->files[i].there)
			continue;
		if (!first)
			first = r->files[i].path;
		n++;
	}
	if (rc < 0 || n == 0 || force)
		return rc;
	return kf_err(err, -EEXIST, KF_REASON_EXISTS,
		      "%zu file%s that are there differ from the backup, such as %s: "
		      "nothing was changed (--force replaces them)",
		      n, n == 1 ? "" : "s", first);
}

/* --- moving ---------------------------------------------------------------------------
 */

static int move(const struct restore *r, const struct file *f)
{
	const struct place *p = &r->places[f->place];
	unsigned flags = f->there ? RENAME_EXCHANGE : RENAME_NOREPLACE;

	return syscall(SYS_renameat2, p->from, f->path, p->to, f->path, flags) < 0
		       ? -errno
		       : 0;
}

static void take_back(struct restore *r)
{
	for (size_t i = r->n; i-- > 0;) {
		struct file *f = &r->files[i];
		const struct place *p = &r->places[f->place];

		if (!f->moved)
			continue;
		if (f->there)
			(void)move(r, f);
		else
			(void)!renameat(p->to, f->path, p->from, f->path);
	}
}

static int move_all(struct restore *r, struct kf_error *err)
{
	for (size_t i = 0; i < r->n; i++) {
		struct file *f = &r->files[i];
		int rc;

		if (f->same)
			continue;
		rc = fs_mkdirs_parent(r->places[f->place].to, f->path);
		if (rc == 0)
			rc = move(r, f);
		if (rc < 0) {
			take_back(r);
			return kf_err(err, rc, KF_REASON_IO,
				      "write %s/%s: %m; nothing was changed",
				      r->places[f->place].dir, f->path);
		}
		f->moved = true;
	}
	return 0;
}

static int put_all(struct restore *r, const char *history, struct backup_sum *ret,
		   struct kf_error *err)
{
	int rc = 0;

	/* What gets its place is on the disk by then. */
	for (int i = 0; i < PLACES && rc == 0; i++)
		rc = fs_sync_fs(r->places[i].from);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "flush the files: %m");
	rc = move_all(r, err);
	if (rc == 0 && r->history) {
		rc = history_load(history, r->history, err);
		if (rc < 0)
			take_back(r);
	}
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < r->n; i++) {
		ret->files += !r->files[i].same;
		ret->same += r->files[i].same;
	}
	ret->files += r->history != NULL;
	ret->history = r->history != NULL;
	ret->bytes = r->total;
	for (int i = 0; i < PLACES && rc == 0; i++)
		rc = fs_sync_fs(r->places[i].to);
	return rc < 0 ? kf_err(err, rc, KF_REASON_IO, "flush the files: %m") : 0;
}

/* --- all of it ------------------------------------------------------------------------
 */

static int open_place(struct place *p, struct kf_error *err)
{
	int rc = p->dir ? fs_mkdirs(AT_FDCWD, p->dir) : -ENOMEM;

	if (rc == 0)
		p->ready = strf("%s/" RESTORE_PREFIX "XXXXXX", p->dir);
	if (rc == 0 && !p->ready)
		rc = -ENOMEM;
	if (rc == 0 && !mkdtemp(p->ready)) {
		rc = -errno;
		free(p->ready);
		p->ready = NULL;
	}
	if (rc == 0)
		rc = p->to = fs_open_dir(AT_FDCWD, p->dir);
	if (rc >= 0)
		rc = p->from = fs_open_dir(AT_FDCWD, p->ready);
	return rc < 0 ? kf_err(err, rc, KF_REASON_IO, "write to %s: %m",
			       p->dir ? p->dir : "the configuration")
		      : 0;
}

static void fini(struct restore *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->files[i].path);
	free(r->files);
	for (int i = 0; i < PLACES; i++) {
		struct place *p = &r->places[i];

		if (p->ready)
			(void)!fs_remove_tree(AT_FDCWD, p->ready);
		cleanup_close(&p->to);
		cleanup_close(&p->from);
		free(p->ready);
		free(p->dir);
	}
	free(r->block);
	free(r->history);
	archive_read_free(r->a);
}

int backup_restore(const struct config *cfg, const char *path, bool force,
		   struct backup_sum *ret, struct kf_error *err)
{
	_cleanup_(fini) struct restore r = {
		.a = archive_read_new(),
		.block = malloc(BLOCK),
		.places = {[CONFIG] = {.top = "config/", .to = -1, .from = -1},
			   [DATA] = {.top = "data/", .to = -1, .from = -1}}};
	_free_ char *history = history_path(cfg);
	_close_ int fd = fs_open_beneath(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	int rc = 0;

	if (!r.a || !r.block || !history)
		return no_memory(err);
	if (fd < 0)
		return kf_err(err, fd, KF_REASON_IO, "open the backup %s: %m", path);
	r.places[CONFIG].dir = backup_config_dir(cfg);
	r.places[DATA].dir = strdup(config_data_dir(cfg));
	*ret = (struct backup_sum){0};
	for (int i = 0; i < PLACES && rc == 0; i++)
		rc = open_place(&r.places[i], err);
	if (rc == 0)
		rc = read_all(&r, fd, err);
	if (rc == 0)
		rc = look_at_all(&r, history, force, err);
	return rc < 0 ? rc : put_all(&r, history, ret, err);
}
