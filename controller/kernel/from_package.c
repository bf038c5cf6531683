/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Our own package files.  The manifest comes first and decides: every file must be one of
 * its, once, with its size and digest, and none may be missing.
 *
 * With the manifest there is a kernel; its files are unpacked by a thread as they are
 * asked for, while the first of them are already on their way to a board.
 */
#include <fcntl.h>
#include <string.h>

#include "controller/cancel.h"
#include "controller/kernel/contents.h"
#include "controller/kernel/from.h"
#include "controller/kernel/inflate.h"
#include "controller/kernel/packed.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/limits.h"
#include "proto/package.h"
#include "proto/reason.h"

#define BLOCK	   (128 * 1024)
#define TAR_HEADER 512

struct receipt {
	struct kernel *k;
	char *file;
	struct package_reader *reader;
	int dirfd;
	uint8_t *block;
	struct arrival *arrival;
	struct kf_error *err;
};

void receipt_free(struct receipt *r)
{
	if (!r)
		return;
	package_reader_free(r->reader);
	cleanup_close(&r->dirfd);
	free(r->block);
	free(r->file);
	free(r);
}

#define BAD(r, fmt, ...)                                                                 \
	kf_err((r)->err, -EBADMSG, KF_REASON_PACKAGE, "%s: " fmt, (r)->file,             \
	       ##__VA_ARGS__)

static ssize_t pull_fd(void *arg, void *data, size_t n)
{
	ssize_t got = read(*(int *)arg, data, n);

	return got < 0 ? -errno : got;
}

int from_package_is(int fd, const char *file, bool *ret, struct kf_error *err)
{
	uint8_t head[TAR_HEADER];
	struct inflate *in = NULL;
	size_t have = 0;
	ssize_t n = 1;

	if (inflate_new(pull_fd, &fd, &in) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	while (have < sizeof(head) && n > 0) {
		n = inflate_read(in, head + have, sizeof(head) - have);
		if (n > 0)
			have += (size_t)n;
	}
	inflate_free(in);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return kf_err(err, -errno, KF_REASON_IO, "read %s: %m", file);
	if (have < sizeof(head) || memcmp(head + 257, "ustar", 5) != 0)
		return kf_err(err, -EBADMSG, KF_REASON_PACKAGE,
			      "%s is not a kernel package: neither a package of kferry, "
			      "nor a .deb, nor a tarball of `make tarzst-pkg`, or it is "
			      "truncated",
			      file);
	*ret = memcmp(head, "manifest", sizeof("manifest")) == 0;
	return 0;
}

static int read_manifest(struct receipt *r)
{
	struct kernel *k = r->k;
	struct package_entry e;
	int rc = package_next(r->reader, &e, r->err);

	if (rc < 0)
		return rc;
	if (rc == 0 || strcmp(e.path, "manifest") != 0)
		return BAD(r, "its first entry is not the manifest");
	k->manifest_bytes.max = LIMIT_MANIFEST;
	for (;;) {
		ssize_t n = package_read(r->reader, r->block, BLOCK, r->err);

		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		rc = buf_append(&k->manifest_bytes, r->block, (size_t)n);
		if (rc < 0)
			return BAD(r, "its manifest is too large");
	}
	rc = manifest_parse(buf_data(&k->manifest_bytes), buf_len(&k->manifest_bytes),
			    &k->manifest, r->err);
	if (rc < 0)
		return rc;
	k->source = calloc(k->manifest.n_files + 1, sizeof(*k->source));
	if (!k->source)
		return kf_err(r->err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	return 0;
}

/* The file's bytes to disk; digest and size must be the manifest's. */
static int write_file(struct receipt *r, const struct manifest_file *f)
{
	_close_ int fd = -1;
	struct digest_ctx ctx;
	struct digest d;
	uint64_t size = 0;
	int rc = fs_mkdirs_parent(r->dirfd, f->path);

	if (rc == 0) {
		fd = fs_open_beneath(r->dirfd, f->path,
				     O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		rc = fd < 0 ? fd : 0;
	}
	digest_init(&ctx);
	while (rc == 0) {
		ssize_t n = package_read(r->reader, r->block, BLOCK, r->err);

		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		if (atomic_load(cancel_flag()) || arrival_is_over(r->arrival))
			return kf_err(r->err, -ECANCELED, KF_REASON_CANCELLED,
				      "it was cancelled");
		digest_update(&ctx, r->block, (size_t)n);
		size += (uint64_t)n;
		rc = fs_write_all(fd, r->block, (size_t)n);
	}
	if (rc < 0)
		return kf_err(r->err, rc, KF_REASON_IO, "unpack %s of %s: %m", f->path,
			      r->file);
	digest_final(&ctx, &d);
	if (size != f->size || !digest_equal(&d, &f->digest))
		return BAD(r, "%s is not what its manifest says: the package was altered",
			   f->path);
	return 0;
}

static int read_files(struct receipt *r)
{
	struct kernel *k = r->k;
	struct package_entry e;
	size_t seen = 0;
	int rc;

	while ((rc = package_next(r->reader, &e, r->err)) > 0) {
		ssize_t i = manifest_find(&k->manifest, e.path);

		if (i < 0)
			return BAD(r, "its manifest does not name %s", e.path);
		if (k->source[i])
			return BAD(r, "%s is there twice", e.path);
		if (e.size != k->manifest.files[i].size)
			return BAD(r,
				   "%s has not the size that the manifest says: the "
				   "package was altered",
				   e.path);
		k->source[i] = strf("%s/%s", k->scratch, e.path);
		if (!k->source[i])
			return kf_err(r->err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
		rc = write_file(r, &k->manifest.files[i]);
		if (rc < 0)
			return rc;
		arrival_here(r->arrival, (size_t)i);
		seen++;
	}
	if (rc < 0)
		return rc;
	for (size_t i = 0; seen < k->manifest.n_files && i < k->manifest.n_files; i++) {
		if (!k->source[i])
			return BAD(r, "%s is missing: the package is truncated",
				   k->manifest.files[i].path);
	}
	return 0;
}

/* The message names the file, whoever made it. */
static int named(const struct receipt *r, int rc, struct kf_error *err)
{
	if (rc < 0 && !strstr(err->msg, r->file))
		kf_err_wrap(err, "%s", r->file);
	return rc;
}

static int receive_files(struct arrival *a, void *arg, struct kf_error *err)
{
	struct receipt *r = arg;

	r->arrival = a;
	r->err = err;
	return named(r, read_files(r), err);
}

static int receipt_open(struct receipt *r, int fd)
{
	int mine, rc;

	r->block = malloc(BLOCK);
	if (!r->block)
		return kf_err(r->err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	r->dirfd = fs_open_dir(AT_FDCWD, r->k->scratch);
	if (r->dirfd < 0)
		return kf_err(r->err, r->dirfd, KF_REASON_IO, "open %s: %m",
			      r->k->scratch);
	/* The caller closes its own. */
	mine = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (mine < 0)
		return kf_err(r->err, -errno, KF_REASON_IO, "open %s again: %m", r->file);
	rc = package_reader_open_fd(mine, &r->reader, r->err);
	if (rc < 0)
		cleanup_close(&mine);
	return rc;
}

int from_package(struct kernel *k, int fd, const char *file, struct kf_error *err)
{
	struct receipt *r = calloc(1, sizeof(*r));
	struct kf_error inner = {0};
	int rc;

	if (!r)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	*r = (struct receipt){.k = k, .file = strdup(file), .dirfd = -1, .err = &inner};
	rc = r->file ? receipt_open(r, fd)
		     : kf_err(&inner, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (rc == 0)
		rc = read_manifest(r);
	if (rc == 0) {
		kernel_identify(k);
		k->receipt = r;
		rc = arrival_new(k->manifest.n_files, receive_files, r, &k->arrival);
		if (rc == 0)
			packed_find(fd, &k->manifest_bytes, &k->packed);
		if (rc == 0)
			return 0;
		k->receipt = NULL;
		kf_err(&inner, rc, KF_REASON_NO_MEMORY, "no memory");
	}
	if (r->file)
		rc = named(r, rc, &inner);
	receipt_free(r);
	if (err)
		*err = inner;
	return rc;
}
