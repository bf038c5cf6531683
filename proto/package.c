// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Entries of a tar from outside, each judged before it is handed out.
 *
 * libarchive parses the headers; the bytes come to it through zread, so that this module
 * sees the whole stream.  Unpacking runs ahead in a thread of its own, so that it and
 * what is done with the files overlap.  libarchive takes the end of the bytes for the end
 * of the archive, so the two blocks of zeros that end a tar are looked for here, and what
 * follows them must be zeros to the end of the source.
 */
#include "proto/package.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#include "proto/base/ahead.h"
#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/text.h"
#include "proto/zread.h"

#define BLOCK_SIZE ((size_t)64 * 1024) /* a multiple of TAR_BLOCK */
#define BLOCKS	   16		       /* unpacked ahead of who reads */
#define TAR_BLOCK  512
#define ENTRY_MAX  (2 * LIMIT_FILES) /* headers, directories among them */
#define NAME_SHOWN 200		     /* bytes of a bad name in an error text */
#define BAD(err, ...)                                                                    \
	kf_err(err, -EBADMSG, KF_REASON_PACKAGE, "the package is refused: " __VA_ARGS__)

struct package_reader {
	struct zread *z;
	struct ahead *ahead;
	struct archive *a;
	/* The thread's that reads ahead */
	package_pull_fn pull; /* the caller's */
	void *arg;
	int pull_failed;
	/* The reader's */
	const uint8_t *block;
	size_t block_len;
	uint64_t delivered; /* bytes given to libarchive, block included */
	uint64_t data_end;  /* where the current entry's data ends, padding included */
	uint64_t total;
	unsigned entries;
	int fd;		/* -1, or ours */
	int fault;	/* a negative errno from the source */
	int pull_fault; /* the same, if it was the caller's that failed */
	bool in_entry, ended;
	int failed;
	char *path;
};

static ssize_t pull_source(void *arg, void *data, size_t n)
{
	struct package_reader *r = arg;
	ssize_t got = r->pull(r->arg, data, n);

	if (got < 0)
		r->pull_failed = (int)got;
	return got;
}

static ssize_t pull_fd(void *arg, void *data, size_t n)
{
	const struct package_reader *r = arg;

	for (;;) {
		ssize_t got = read(r->fd, data, n);

		if (got >= 0)
			return got;
		if (errno != EINTR)
			return -errno;
	}
}

static ssize_t unpack(void *arg, void *data, size_t n)
{
	struct package_reader *r = arg;

	return zread_read(r->z, data, n);
}

static la_ssize_t on_read(struct archive *a, void *arg, const void **ret)
{
	struct package_reader *r = arg;
	const void *block = NULL;
	ssize_t n = ahead_next(r->ahead, &block);

	if (n < 0) {
		r->fault = (int)n;
		r->pull_fault = r->pull_failed; /* the thread is at its end */
		archive_set_error(a, (int)-n, "the source failed");
		return -1;
	}
	r->block = block;
	r->block_len = (size_t)n;
	r->delivered += (uint64_t)n;
	*ret = block;
	return n;
}

/* What went wrong below libarchive, else what libarchive says. */
static int fail_read(struct package_reader *r, struct kf_error *err)
{
	const char *why = archive_error_string(r->a);
	int rc;

	if (r->pull_fault == -ECANCELED)
		rc = kf_err(err, r->pull_fault, KF_REASON_CANCELLED,
			    "reading the package was cancelled");
	else if (r->pull_fault)
		rc = kf_err(err, r->pull_fault, KF_REASON_IO, "read the package: %m");
	else if (r->fault == -EFBIG)
		rc = BAD(err, "unpacking it would take over %u MiB of memory",
			 (1u << LIMIT_ZSTD_WINDOW) >> 20);
	else if (r->fault == -ENOMEM)
		rc = kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	else if (r->fault)
		rc = BAD(err, "its zstd data is damaged or cut off");
	else if (r->path)
		rc = BAD(err, "at %s: %s", r->path, why ? why : "damaged");
	else
		rc = BAD(err, "%s", why ? why : "damaged");
	r->failed = rc;
	return rc;
}

static int open_archive(struct package_reader *r)
{
	int rc;

	r->a = archive_read_new();
	if (!r->a || archive_read_support_filter_none(r->a) != ARCHIVE_OK ||
	    archive_read_support_format_tar(r->a) != ARCHIVE_OK)
		return -ENOMEM;
	rc = zread_new(pull_source, r, &r->z);
	return rc < 0 ? rc : ahead_new(unpack, r, BLOCK_SIZE, BLOCKS, &r->ahead);
}

static int reader_new(int fd, package_pull_fn pull, void *arg,
		      struct package_reader **ret, struct kf_error *err)
{
	struct package_reader *r = calloc(1, sizeof(*r));
	int rc = -ENOMEM;

	if (!r)
		return kf_err(err, rc, KF_REASON_NO_MEMORY, "out of memory");
	r->fd = fd;
	r->pull = pull;
	r->arg = pull == pull_fd ? r : arg;
	rc = open_archive(r);
	if (rc < 0)
		rc = kf_err(err, rc, KF_REASON_NO_MEMORY, "out of memory");
	else if (archive_read_open(r->a, r, NULL, on_read, NULL) != ARCHIVE_OK)
		rc = fail_read(r, err);
	if (rc < 0) {
		r->fd = -1;
		package_reader_free(r);
		return rc;
	}
	*ret = r;
	return 0;
}

int package_reader_new(package_pull_fn pull, void *arg, struct package_reader **ret,
		       struct kf_error *err)
{
	return reader_new(-1, pull, arg, ret, err);
}

int package_reader_open_fd(int fd, struct package_reader **ret, struct kf_error *err)
{
	return reader_new(fd, pull_fd, NULL, ret, err);
}

void package_reader_free(struct package_reader *r)
{
	if (!r)
		return;
	ahead_free(r->ahead);
	if (r->a)
		archive_read_free(r->a);
	zread_free(r->z);
	free(r->path);
	if (r->fd >= 0)
		close(r->fd);
	free(r);
}

/* --- the end of the archive -------------------------------------------------------- */

static bool is_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

/* libarchive saw the end: is it one, and does nothing but zeros follow? */
static int check_end(struct package_reader *r, struct kf_error *err)
{
	uint64_t used = (uint64_t)archive_filter_bytes(r->a, 0);
	uint64_t begin = r->delivered - r->block_len;
	const void *p;
	size_t skip;

	if (used < r->data_end || used - r->data_end < 2 * TAR_BLOCK)
		return BAD(err, "it is cut off: the mark at its end is missing");
	skip = used > begin ? (size_t)(used - begin) : 0;
	if (skip > r->block_len || !is_zero(r->block + skip, r->block_len - skip))
		return BAD(err, "bytes follow its end");
	for (;;) {
		la_ssize_t n = on_read(r->a, r, &p);

		if (n < 0)
			return fail_read(r, err);
		if (n == 0)
			return 0;
		if (!is_zero(p, (size_t)n))
			return BAD(err, "bytes follow its end");
	}
}

/* --- entries ----------------------------------------------------------------------- */

/* The name for error texts, cut to a length that leaves room for the reason. */
static int shown_name(const char *name, char **ret)
{
	_buf_ struct buf b = BUF_INIT;
	char *s;

	if (text_escape(&b, name, strnlen(name, NAME_SHOWN), false) < 0 || !buf_str(&b))
		return -ENOMEM;
	s = strdup(buf_str(&b));
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

/* NULL: allowed; else why not. */
static const char *entry_fault(struct archive_entry *e, const char *path, size_t n)
{
	if (!text_is_path(path, n))
		return "the path is not allowed";
	if (archive_entry_hardlink(e))
		return "it is a hard link";
	if (archive_entry_filetype(e) == AE_IFLNK)
		return "it is a symbolic link";
	if (archive_entry_filetype(e) == AE_IFDIR)
		return NULL;
	if (archive_entry_filetype(e) != AE_IFREG)
		return "it is a device or another special file";
	if (archive_entry_perm(e) & 07000)
		return "it has setuid, setgid or sticky bits";
	if (archive_entry_sparse_count(e) > 0)
		return "it is a sparse file";
	if (!archive_entry_size_is_set(e) || archive_entry_size(e) < 0 ||
	    (uint64_t)archive_entry_size(e) > LIMIT_FILE_SIZE)
		return "it is too large";
	return NULL;
}

static int refuse(struct package_reader *r, const char *name, const char *why,
		  struct kf_error *err)
{
	_free_ char *shown = NULL;

	if (shown_name(name, &shown) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	r->failed = BAD(err, "%s: %s", shown, why);
	return r->failed;
}

static int count(struct package_reader *r, const char *name, uint64_t size,
		 struct kf_error *err)
{
	uint64_t used = (uint64_t)archive_filter_bytes(r->a, 0);

	r->data_end = used + ((size + TAR_BLOCK - 1) & ~(uint64_t)(TAR_BLOCK - 1));
	r->total += size;
	if (++r->entries > ENTRY_MAX)
		return refuse(r, name, "there are too many entries", err);
	if (r->total > LIMIT_PACKAGE_SIZE)
		return refuse(r, name, "the package is too large", err);
	return 0;
}

/* 1: *ret is good; 0: skip it (a directory). */
static int take_entry(struct package_reader *r, struct archive_entry *e,
		      struct package_entry *ret, struct kf_error *err)
{
	const char *name = archive_entry_pathname(e), *fault;
	uint64_t size = 0;
	size_t n;
	int rc;

	if (!name)
		name = archive_entry_pathname_utf8(e);
	if (!name)
		return refuse(r, "?", "the name cannot be read", err);
	n = strlen(name);
	if (archive_entry_filetype(e) == AE_IFDIR && n > 1 && name[n - 1] == '/')
		n--;
	fault = entry_fault(e, name, n);
	if (fault)
		return refuse(r, name, fault, err);
	if (archive_entry_size_is_set(e) && archive_entry_size(e) > 0)
		size = (uint64_t)archive_entry_size(e);
	rc = count(r, name, size, err);
	if (rc < 0 || archive_entry_filetype(e) == AE_IFDIR)
		return rc;
	free(r->path);
	r->path = strdup(name);
	if (!r->path)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	*ret = (struct package_entry){.path = r->path, .size = size};
	r->in_entry = true;
	return 1;
}

int package_next(struct package_reader *r, struct package_entry *ret,
		 struct kf_error *err)
{
	struct archive_entry *e;
	int rc = 0;

	if (r->failed)
		return kf_err(err, r->failed, KF_REASON_PACKAGE,
			      "the package was refused before");
	r->in_entry = false;
	while (rc == 0 && !r->ended) {
		int got = archive_read_next_header(r->a, &e);

		/* A warning is about owners or times, which nobody looks at. */
		if (got == ARCHIVE_OK || got == ARCHIVE_WARN) {
			rc = take_entry(r, e, ret, err);
		} else if (got == ARCHIVE_EOF) {
			rc = check_end(r, err);
			r->ended = rc == 0;
		} else {
			rc = fail_read(r, err);
		}
	}
	if (rc < 0)
		r->failed = rc;
	return rc;
}

ssize_t package_read(struct package_reader *r, void *data, size_t n, struct kf_error *err)
{
	la_ssize_t got;

	if (r->failed)
		return kf_err(err, r->failed, KF_REASON_PACKAGE,
			      "the package was refused before");
	if (!r->in_entry)
		return 0;
	got = archive_read_data(r->a, data, n);
	if (got < 0)
		return fail_read(r, err);
	return (ssize_t)got;
}
