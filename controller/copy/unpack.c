// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Entries are written through descriptors of their directories, opened without following
 * links, so that a link of the tar leads no write anywhere.  Directories get their modes
 * and times at the end, the deepest first.
 */
#include "controller/copy/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/text.h"

#define BLOCK	   ((size_t)64 * 1024)
#define ENTRIES	   (2 * LIMIT_FILES)
#define NAME_SHOWN 200
#define TMP_NAME   FS_TMP_PREFIX "get"

struct dir {
	char *path;
	mode_t mode;
	struct timespec mtime;
};

struct state {
	struct unpack *u;
	struct archive *a;
	struct dir *dirs;
	size_t n_dirs, entries;
	uint64_t total;
	char *block;
};

static int refuse(const char *name, const char *why, struct kf_error *err)
{
	return kf_err(err, -EBADMSG, KF_REASON_PACKAGE,
		      "what the board sends is refused: %.*s: %s", NAME_SHOWN, name, why);
}

bool unpack_link_ok(const char *path, const char *target)
{
	size_t depth = 0;

	for (const char *p = path; (p = strchr(p, '/')); p++)
		depth++;
	/* The top itself may not lead up; what is in it, no further than to it. */
	depth = depth ? depth - 1 : 0;
	if (!*target || *target == '/')
		return false;
	while (!strncmp(target, "..", 2) && (!target[2] || target[2] == '/')) {
		if (!depth--)
			return false;
		target += target[2] ? 3 : 2;
	}
	/* Further on a ".." may follow a link, and count from where that leads. */
	for (const char *p = target; p; p = strchr(p, '/')) {
		p += *p == '/';
		if (!strncmp(p, "..", 2) && (!p[2] || p[2] == '/'))
			return false;
	}
	return true;
}

/* The path on this side, the caller's; NULL with err set. */
static char *place(const struct unpack *u, const char *path, struct kf_error *err)
{
	size_t n, top = strlen(u->name);
	char *to;

	if (!strncmp(path, "./", 2))
		path += 2;
	n = strlen(path);
	if (n && path[n - 1] == '/')
		n--;
	if (!text_is_path(path, n)) {
		refuse(path, "the path is not allowed", err);
		return NULL;
	}
	if (n < top || memcmp(path, u->name, top) != 0 || (n > top && path[top] != '/')) {
		refuse(path, "it was not asked for", err);
		return NULL;
	}
	to = strf("%s%.*s", u->as, (int)(n - top), path + top);
	if (!to)
		kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	return to;
}

static int write_data(struct state *s, int fd, const char *name, struct kf_error *err)
{
	for (;;) {
		la_ssize_t n = archive_read_data(s->a, s->block, BLOCK);
		int rc;

		if (n < 0)
			return refuse(name, "it is cut off or damaged", err);
		if (n == 0)
			return 0;
		rc = fs_write_all(fd, s->block, (size_t)n);
		if (rc < 0)
			return kf_err(err, rc, KF_REASON_IO, "write %s: %m", name);
		atomic_fetch_add(&s->u->bytes, (uint64_t)n);
	}
}

static struct timespec mtime_of(struct archive_entry *e)
{
	return (struct timespec){archive_entry_mtime(e), archive_entry_mtime_nsec(e)};
}

static int finish_file(int parent, int fd, const char *last, struct archive_entry *e)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, mtime_of(e)};

	if (fchmod(fd, archive_entry_perm(e) & 0777) < 0 || futimens(fd, times) < 0 ||
	    renameat(parent, TMP_NAME, parent, last) < 0)
		return -errno;
	return 0;
}

static int put_file(struct state *s, int parent, const char *path, const char *last,
		    struct archive_entry *e, struct kf_error *err)
{
	_close_ int fd = -1;
	int rc;

	unlinkat(parent, TMP_NAME, 0); /* of one that was killed */
	fd = fs_open_beneath(parent, TMP_NAME, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return kf_err(err, fd, KF_REASON_IO, "make %s: %m", path);
	rc = write_data(s, fd, path, err);
	if (rc == 0) {
		rc = finish_file(parent, fd, last, e);
		if (rc < 0)
			kf_err(err, rc, KF_REASON_IO, "write %s: %m", path);
	}
	if (rc < 0)
		unlinkat(parent, TMP_NAME, 0);
	else
		atomic_fetch_add(&s->u->files, 1);
	return rc;
}

static int put_link(int parent, const char *path, const char *last,
		    struct archive_entry *e, struct kf_error *err)
{
	const char *target = archive_entry_symlink(e) ?: archive_entry_symlink_utf8(e);

	if (!target || !unpack_link_ok(path, target))
		return refuse(path, "it is a link that leads out", err);
	unlinkat(parent, TMP_NAME, 0);
	if (symlinkat(target, parent, TMP_NAME) < 0 ||
	    renameat(parent, TMP_NAME, parent, last) < 0) {
		int rc = -errno;

		unlinkat(parent, TMP_NAME, 0);
		return kf_err(err, rc, KF_REASON_IO, "make the link %s: %m", path);
	}
	return 0;
}

static int put_dir(struct state *s, char *path, struct archive_entry *e,
		   struct kf_error *err)
{
	int rc = fs_mkdirs(s->u->dir, path);
	struct dir *dirs;

	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "make the directory %s: %m", path);
	dirs = realloc(s->dirs, (s->n_dirs + 1) * sizeof(*dirs));
	if (!dirs)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	s->dirs = dirs;
	dirs[s->n_dirs].path = strdup(path);
	if (!dirs[s->n_dirs].path)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	dirs[s->n_dirs].mode = archive_entry_perm(e) & 0777;
	dirs[s->n_dirs++].mtime = mtime_of(e);
	return 0;
}

/* NULL: it may be; else why not. */
static const char *fault(struct state *s, struct archive_entry *e)
{
	uint64_t size = archive_entry_size(e) > 0 ? (uint64_t)archive_entry_size(e) : 0;
	mode_t type = archive_entry_filetype(e);

	if (archive_entry_hardlink(e))
		return "it is a hard link";
	if (type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK)
		return "it is a device or another special file";
	if (archive_entry_sparse_count(e) > 0)
		return "it is a sparse file";
	s->total += size;
	if (size > LIMIT_FILE_SIZE || s->total > LIMIT_PACKAGE_SIZE)
		return "it is too large";
	if (++s->entries > ENTRIES)
		return "there are too many entries";
	return NULL;
}

static int put_entry(struct state *s, struct archive_entry *e, struct kf_error *err)
{
	const char *name = archive_entry_pathname(e) ?: archive_entry_pathname_utf8(e);
	const char *why, *last;
	_free_ char *path = NULL;
	_free_ char *above = NULL;
	_close_ int parent = -1;
	char *slash;
	int rc;

	why = name ? fault(s, e) : "its name cannot be read";
	if (why)
		return refuse(name ? name : "?", why, err);
	path = place(s->u, name, err);
	if (!path)
		return err->code;
	if (archive_entry_filetype(e) == AE_IFDIR)
		return put_dir(s, path, e, err);
	rc = fs_mkdirs_parent(s->u->dir, path);
	slash = strrchr(path, '/');
	last = slash ? slash + 1 : path;
	above = slash ? strndup(path, (size_t)(slash - path)) : NULL;
	if (rc == 0 && slash && !above)
		rc = -ENOMEM;
	if (rc == 0)
		parent = slash ? fs_open_beneath(s->u->dir, above, O_DIRECTORY, 0)
			       : fcntl(s->u->dir, F_DUPFD_CLOEXEC, 3);
	if (rc == 0 && parent < 0)
		rc = slash ? parent : -errno;
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "the directory of %s: %m", path);
	if (archive_entry_filetype(e) == AE_IFLNK)
		return put_link(parent, path, last, e, err);
	return put_file(s, parent, path, last, e, err);
}

static int finish_dirs(struct state *s, struct kf_error *err)
{
	while (s->n_dirs) {
		struct dir *d = &s->dirs[--s->n_dirs];
		const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, d->mtime};
		_close_ int fd = fs_open_beneath(s->u->dir, d->path, O_DIRECTORY, 0);
		int rc = fd < 0 ? fd : 0;

		if (rc == 0 && (fchmod(fd, d->mode) < 0 || futimens(fd, times) < 0))
			rc = -errno;
		if (rc < 0)
			kf_err(err, rc, KF_REASON_IO, "the directory %s: %m", d->path);
		free(d->path);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_all(struct state *s, struct kf_error *err)
{
	struct archive_entry *e;
	int rc = 0;

	while (rc == 0) {
		int got = archive_read_next_header(s->a, &e);

		if (got == ARCHIVE_EOF)
			return finish_dirs(s, err);
		if (got != ARCHIVE_OK && got != ARCHIVE_WARN)
			return kf_err(err, -EBADMSG, KF_REASON_PACKAGE,
				      "what the board sends is no whole tar: %s",
				      archive_error_string(s->a) ?: "damaged");
		rc = put_entry(s, e, err);
	}
	return rc;
}

int unpack_tree(struct unpack *u, struct kf_error *err)
{
	struct state s = {.u = u, .a = archive_read_new(), .block = malloc(BLOCK)};
	int rc;

	if (!s.a || !s.block || archive_read_support_format_tar(s.a) != ARCHIVE_OK ||
	    archive_read_support_format_empty(s.a) != ARCHIVE_OK ||
	    archive_read_support_filter_none(s.a) != ARCHIVE_OK)
		rc = kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	else if (archive_read_open_fd(s.a, u->in, BLOCK) != ARCHIVE_OK)
		rc = kf_err(err, -EBADMSG, KF_REASON_PACKAGE,
			    "what the board sends is no tar");
	else
		rc = read_all(&s, err);
	while (s.n_dirs)
		free(s.dirs[--s.n_dirs].path);
	free(s.dirs);
	free(s.block);
	archive_read_free(s.a);
	return rc;
}
