// SPDX-License-Identifier: GPL-2.0-or-later
/* libarchive reads the tree and writes the tar. */
#include "controller/copy/pack_tree.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#include "proto/base/fs.h"
#include "proto/reason.h"

#define BLOCK ((size_t)64 * 1024)

struct sink {
	int fd;
	bool failed; /* what would end the tar is passed over: it must not look whole */
};

static la_ssize_t on_write(struct archive *a, void *arg, const void *data, size_t n)
{
	const struct sink *sink = arg;
	int rc = sink->failed ? 0 : fs_write_all(sink->fd, data, n);

	if (rc < 0)
		archive_set_error(a, -rc, "%s", strerror(-rc));
	return rc < 0 ? -1 : (la_ssize_t)n;
}

static int fail(struct archive *a, const char *path, struct kf_error *err)
{
	int code = archive_errno(a);

	return kf_err(err, code > 0 ? -code : -EIO, KF_REASON_IO, "%s: %s", path,
		      archive_error_string(a) ?: "it cannot be read");
}

static int copy_data(struct pack_tree *p, struct archive *in, struct archive *out,
		     struct archive_entry *e, char *block, struct kf_error *err)
{
	la_ssize_t n;

	while ((n = archive_read_data(in, block, BLOCK)) > 0) {
		if (archive_write_data(out, block, (size_t)n) < 0)
			return fail(out, "the way to the board", err);
		atomic_fetch_add(&p->bytes, (uint64_t)n);
	}
	return n < 0 ? fail(in, archive_entry_sourcepath(e), err) : 0;
}

/* name begins with the last part of p's path. */
static bool is_left_out(struct pack_tree *p, const char *name)
{
	const char *below = strchr(name, '/');

	return p->skip && p->skip(p->arg, below ? below + 1 : ".");
}

static int put_entry(struct pack_tree *p, struct archive *in, struct archive *out,
		     struct archive_entry *e, char *block, struct kf_error *err)
{
	const char *path = archive_entry_pathname(e);
	const char *last = strrchr(p->path, '/');
	mode_t type = archive_entry_filetype(e);
	_free_ char *name = strdup(path + (last ? last + 1 - p->path : 0));
	int rc;

	if (!name)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK)
		return kf_err(err, -EINVAL, KF_REASON_IO,
			      "%s is a device or another special file", path);
	if (type == AE_IFREG && is_left_out(p, name))
		return 0;
	archive_entry_copy_sourcepath(e, path);
	archive_entry_copy_pathname(e, name);
	archive_entry_sparse_clear(e);
	archive_entry_set_mtime(e, archive_entry_mtime(e), 0);
	archive_entry_unset_atime(e);
	archive_entry_unset_ctime(e);
	rc = archive_write_header(out, e);
	if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
		return fail(out, "the way to the board", err);
	rc = type == AE_IFREG ? copy_data(p, in, out, e, block, err) : 0;
	if (rc == 0 && type == AE_IFREG)
		atomic_fetch_add(&p->files, 1);
	return rc;
}

static int walk(struct pack_tree *p, struct archive *in, struct archive *out, char *block,
		struct kf_error *err)
{
	struct archive_entry *e = archive_entry_new();
	int rc = 0;

	while (e && rc == 0) {
		int got = archive_read_next_header2(in, e);

		if (got == ARCHIVE_EOF)
			break;
		if (got != ARCHIVE_OK)
			rc = fail(in, archive_entry_pathname(e) ?: p->path, err);
		else
			rc = put_entry(p, in, out, e, block, err);
		if (rc == 0 && archive_read_disk_can_descend(in))
			archive_read_disk_descend(in);
		archive_entry_clear(e);
	}
	archive_entry_free(e);
	if (rc == 0 && archive_write_close(out) != ARCHIVE_OK)
		rc = fail(out, "the way to the board", err);
	return rc;
}

int pack_tree(struct pack_tree *p, struct kf_error *err)
{
	struct archive *in = archive_read_disk_new(), *out = archive_write_new();
	_free_ char *block = malloc(BLOCK);
	struct sink sink = {.fd = p->out};
	int rc;

	/* Which every tar reads, and which has names as they are. */
	if (!in || !out || !block || archive_write_set_format_gnutar(out) != ARCHIVE_OK ||
	    archive_write_open(out, &sink, NULL, on_write, NULL) != ARCHIVE_OK)
		rc = kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	else if (archive_read_disk_set_symlink_physical(in) != ARCHIVE_OK ||
		 archive_read_disk_set_behavior(
			 in, ARCHIVE_READDISK_NO_XATTR | ARCHIVE_READDISK_NO_ACL |
				     ARCHIVE_READDISK_NO_FFLAGS) != ARCHIVE_OK ||
		 archive_read_disk_open(in, p->path) != ARCHIVE_OK)
		rc = fail(in, p->path, err);
	else
		rc = walk(p, in, out, block, err);
	archive_read_free(in);
	sink.failed = rc < 0;
	archive_write_free(out);
	return rc;
}
