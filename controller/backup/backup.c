// SPDX-License-Identifier: GPL-2.0-or-later
/* Making one: directories are walked here, as what is left out is not even looked at. */
#include "controller/backup/backup.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/backup/backup_internal.h"
#include "controller/history/history.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"
#include "proto/version.h"

struct writer {
	struct archive *a;
	struct ui *ui;
	const char *top; /* "config", "data" */
	struct backup_sum sum;
};

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

static bool begins(const char *path, const char *with)
{
	return strncmp(path, with, strlen(with)) == 0;
}

static bool ends(const char *path, const char *with)
{
	size_t n = strlen(path), m = strlen(with);

	return n >= m && strcmp(path + n - m, with) == 0;
}

/* "envs/TREE/NAME/obj" and below. */
static bool is_object_dir(const char *path)
{
	unsigned parts = 0;
	const char *at = path;

	if (!begins(path, "envs/"))
		return false;
	while (parts < 3 && (at = strchr(at, '/'))) {
		at++;
		parts++;
	}
	return at && (strcmp(at, "obj") == 0 || begins(at, "obj/"));
}

bool backup_skips(const char *path)
{
	static const char *const tops[] = {"runs", "vm"};
	const char *slash = strrchr(path, '/');
	const char *last = slash ? slash + 1 : path;

	for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
		size_t n = strlen(tops[i]);

		if (begins(path, tops[i]) && (!path[n] || path[n] == '/'))
			return true;
	}
	return begins(path, HISTORY_FILE) || begins(path, RESTORE_PREFIX) ||
	       begins(last, FS_TMP_PREFIX) || ends(last, ".lock") ||
	       strcmp(last, "lock") == 0 || is_object_dir(path);
}

char *backup_config_dir(const struct config *cfg)
{
	const char *file = config_file(cfg, CONFIG_USER);
	const char *slash = file ? strrchr(file, '/') : NULL;

	return slash ? strndup(file, (size_t)(slash - file)) : NULL;
}

/* A key may be anywhere; what it begins with is known. */
static bool is_private_key(const struct buf *b)
{
	const char *s = (const char *)buf_data(b);
	size_t n = buf_len(b) < 4096 ? buf_len(b) : 4096;

	return n > 0 && (memmem(s, n, "PRIVATE KEY-----", 16) ||
			 memmem(s, n, "PuTTY-User-Key-File", 19));
}

/* --- entries -------------------------------------------------------------------------
 */

static int failed(const struct writer *w, struct kf_error *err)
{
	return kf_err(err, -EIO, KF_REASON_IO, "write the backup: %s",
		      archive_error_string(w->a) ? archive_error_string(w->a) : "failed");
}

static int put_head(struct writer *w, const char *name, uint64_t size, mode_t mode,
		    int64_t mtime, struct kf_error *err)
{
	struct archive_entry *e = archive_entry_new();
	int rc;

	if (!e)
		return no_memory(err);
	archive_entry_set_pathname(e, name);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, mode & 0777);
	archive_entry_set_size(e, (la_int64_t)size);
	archive_entry_set_mtime(e, (time_t)mtime, 0);
	rc = archive_write_header(w->a, e) == ARCHIVE_OK ? 0 : failed(w, err);
	archive_entry_free(e);
	return rc;
}

static int put(struct writer *w, const char *name, const void *data, size_t n,
	       mode_t mode, int64_t mtime, struct kf_error *err)
{
	int rc = put_head(w, name, n, mode, mtime, err);

	if (rc == 0 && n > 0 && archive_write_data(w->a, data, n) != (la_ssize_t)n)
		rc = failed(w, err);
	w->sum.files++;
	w->sum.bytes += n;
	return rc;
}

static int put_file(struct writer *w, int dir, const char *name, const char *path,
		    struct kf_error *err)
{
	_buf_ struct buf b = {.max = BACKUP_FILE_MAX};
	_free_ char *as = strf("%s/%s", w->top, path);
	struct stat st;
	int rc;

	if (!as)
		return no_memory(err);
	if (!text_is_path(as, strlen(as))) {
		ui_note(w->ui, "left out: %s: no name that a backup could have", as);
		return 0;
	}
	rc = fstatat(dir, name, &st, 0) < 0 ? -errno : 0;
	/* A link is as good as what it leads to: many keep their files elsewhere. */
	if (rc == 0 && S_ISDIR(st.st_mode))
		ui_note(w->ui, "left out: %s: a link to a directory", as);
	if (rc == 0 && !S_ISREG(st.st_mode))
		return 0;
	if (rc == 0)
		rc = fs_read_file(dir, name, BACKUP_FILE_MAX, &b);
	if (rc == -ENOENT)
		return 0;
	if (rc == -EFBIG) {
		ui_note(w->ui, "left out: %s: more than %u MiB", as,
			BACKUP_FILE_MAX >> 20);
		return 0;
	}
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "read %s: %m", as);
	if (is_private_key(&b)) {
		ui_note(w->ui, "left out: %s: a private key", as);
		return 0;
	}
	return put(w, as, buf_data(&b), buf_len(&b), st.st_mode, st.st_mtime, err);
}

static int walk(struct writer *w, int parent, const char *name, const char *path,
		unsigned depth, struct kf_error *err);

static int put_any(struct writer *w, int dir, const char *name, const char *path,
		   unsigned depth, struct kf_error *err)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0
				       : kf_err(err, -errno, KF_REASON_IO,
						"look at %s: %m", path);
	if (S_ISDIR(st.st_mode))
		return walk(w, dir, name, path, depth + 1, err);
	if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode))
		return put_file(w, dir, name, path, err);
	return 0;
}

static int walk(struct writer *w, int parent, const char *name, const char *path,
		unsigned depth, struct kf_error *err)
{
	_closedir_ DIR *d = NULL;
	const char *in;
	int rc = fs_dir_stream(fs_open_dir(parent, name), &d);

	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "read the directory %s: %m",
			      *path ? path : name);
	if (depth > BACKUP_DEPTH)
		return kf_err(err, -ELOOP, KF_REASON_IO,
			      "%s has more than %d directories below each other", path,
			      BACKUP_DEPTH);
	while ((rc = fs_dir_next(d, &in)) == 0 && in) {
		_free_ char *full = strf("%s%s%s", path, *path ? "/" : "", in);

		if (!full)
			return no_memory(err);
		rc = backup_skips(full) ? 0 : put_any(w, dirfd(d), in, full, depth, err);
		if (rc < 0)
			return rc;
	}
	return rc < 0 ? kf_err(err, rc, KF_REASON_IO, "read the directory %s: %m",
			       *path ? path : name)
		      : 0;
}

/* --- history --------------------------------------------------------------------------
 */

static int copy_data(struct writer *w, int fd, struct kf_error *err)
{
	_free_ char *block = malloc(65536);
	ssize_t n;

	if (!block)
		return no_memory(err);
	while ((n = read(fd, block, 65536)) > 0) {
		if (archive_write_data(w->a, block, (size_t)n) != n)
			return failed(w, err);
		w->sum.bytes += (uint64_t)n;
	}
	return n < 0 ? kf_err(err, -errno, KF_REASON_IO, "read the history: %m") : 0;
}

/* A copy beside it first: one that is written to is never the same twice. */
static int put_history(struct writer *w, const struct config *cfg, const char *scratch,
		       struct kf_error *err)
{
	_free_ char *from = history_path(cfg);
	_free_ char *copy = strf("%s/" BACKUP_HISTORY, scratch);
	struct kf_error why = {0};
	_close_ int fd = -1;
	struct stat st;
	int rc;

	if (!from || !copy)
		return no_memory(err);
	if (!fs_exists(AT_FDCWD, from))
		return 0;
	if (history_save(from, copy, &why) < 0) {
		ui_warn(w->ui, "left out: %s", why.msg);
		return 0;
	}
	fd = fs_open_beneath(AT_FDCWD, copy, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0 || fstat(fd, &st) < 0)
		return kf_err(err, fd < 0 ? fd : -errno, KF_REASON_IO,
			      "read the copy of the history: %m");
	rc = put_head(w, BACKUP_HISTORY, (uint64_t)st.st_size, 0600, st.st_mtime, err);
	if (rc == 0)
		rc = copy_data(w, fd, err);
	w->sum.files++;
	w->sum.history = true;
	return rc;
}

/* --- all of it ------------------------------------------------------------------------
 */

static int put_all(struct writer *w, const struct config *cfg, const char *scratch,
		   struct kf_error *err)
{
	_free_ char *config = backup_config_dir(cfg);
	_free_ char *head =
		strf(BACKUP_HEAD " %d\nkferry %s\n", BACKUP_VERSION, KF_VERSION);
	int rc;

	if (!config || !head)
		return no_memory(err);
	rc = put(w, BACKUP_HEAD, head, strlen(head), 0644, 0, err);
	w->sum = (struct backup_sum){0};
	w->top = "config";
	if (rc == 0)
		rc = walk(w, AT_FDCWD, config, "", 0, err);
	w->top = "data";
	if (rc == 0)
		rc = walk(w, AT_FDCWD, config_data_dir(cfg), "", 0, err);
	return rc < 0 ? rc : put_history(w, cfg, scratch, err);
}

static int write_to(int fd, const struct config *cfg, struct ui *ui, const char *scratch,
		    struct backup_sum *ret, struct kf_error *err)
{
	struct writer w = {.a = archive_write_new(), .ui = ui};
	int rc;

	if (!w.a)
		return no_memory(err);
	if (archive_write_set_format_pax_restricted(w.a) != ARCHIVE_OK ||
	    archive_write_add_filter_zstd(w.a) != ARCHIVE_OK ||
	    archive_write_open_fd(w.a, fd) != ARCHIVE_OK)
		rc = failed(&w, err);
	else
		rc = put_all(&w, cfg, scratch, err);
	if (rc == 0 && archive_write_close(w.a) != ARCHIVE_OK)
		rc = failed(&w, err);
	archive_write_free(w.a);
	if (rc == 0 && fsync(fd) < 0)
		rc = kf_err(err, -errno, KF_REASON_IO, "write the backup: %m");
	*ret = w.sum;
	return rc;
}

/* It gets its name when it is whole. */
static int place(const char *tmp, const char *path, bool force, struct kf_error *err)
{
	int rc;

	if (force)
		rc = rename(tmp, path);
	else
		rc = link(tmp, path);
	if (rc == 0)
		return 0;
	return kf_err(err, -errno, errno == EEXIST ? KF_REASON_EXISTS : KF_REASON_IO,
		      errno == EEXIST ? "%s is there already: --force replaces it"
				      : "write %s: %m",
		      path);
}

/* Its name is on the disk, too. */
static int flush_name(const char *path, struct kf_error *err)
{
	const char *slash = strrchr(path, '/');
	_free_ char *dir =
		slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int rc = dir ? fs_sync_dir(AT_FDCWD, dir) : -ENOMEM;

	return rc < 0 ? kf_err(err, rc, KF_REASON_IO, "flush the name of %s: %m", path)
		      : 0;
}

int backup_write(const struct config *cfg, struct ui *ui, const char *path, bool force,
		 struct backup_sum *ret, struct kf_error *err)
{
	_free_ char *dir = strf("%s.making-XXXXXX", path);
	_free_ char *tmp = NULL;
	_close_ int fd = -1;
	int rc;

	if (!dir)
		return no_memory(err);
	if (!force && fs_exists(AT_FDCWD, path))
		return kf_err(err, -EEXIST, KF_REASON_EXISTS,
			      "%s is there already: --force replaces it", path);
	if (!mkdtemp(dir))
		return kf_err(err, -errno, KF_REASON_IO, "write %s: %m", path);
	tmp = strf("%s/backup", dir);
	fd = tmp ? fs_open_beneath(AT_FDCWD, tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
				   0600)
		 : -ENOMEM;
	rc = fd < 0 ? kf_err(err, fd, KF_REASON_IO, "write %s: %m", path)
		    : write_to(fd, cfg, ui, dir, ret, err);
	if (rc == 0)
		rc = place(tmp, path, force, err);
	if (rc == 0)
		rc = flush_name(path, err);
	if (fs_remove_tree(AT_FDCWD, dir) < 0)
		ui_warn(ui, "%s is left behind", dir);
	return rc;
}
