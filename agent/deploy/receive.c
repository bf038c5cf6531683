/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unpacking: only files that are wanted, digested while they are written, in one
 * temporary file that gets its name when the digest is right.  What is wrong leaves
 * nothing; what was right before it stays for a resume.  What is right goes on to be
 * written back and verified while the next one comes; names are flushed by the install,
 * once for all.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/deploy/parts.h"
#include "agent/deploy/patch_in.h"
#include "agent/oserr.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define READ_BYTES ((size_t)128 * 1024)
#define STRETCH_BYTES                                                                    \
	(UINT64_C(8) << 20) /* of one file, before the disk begins with it */

struct receive {
	struct deploy *d;
	struct package_reader *reader;
	uint8_t *room;
	/* Where the last file went: those of a directory come together. */
	int dir;
	char dir_path[LIMIT_PATH + 1];
};

/* The file that is being written. */
struct target {
	struct receive *r;
	const struct manifest_file *f;
	size_t i; /* in the manifest */
	int out;
	struct digest_ctx ctx;
	uint64_t size;
};

/* The manifest's entry for this name, if it is wanted. */
static int expect(struct deploy *d, const struct package_entry *e, size_t *ret,
		  bool *ret_patch, struct kf_error *err)
{
	size_t skip = strlen(PATCH_MEMBER);
	bool patch = d->bases && strncmp(e->path, PATCH_MEMBER, skip) == 0;
	ssize_t i = manifest_find(&d->manifest, e->path + (patch ? skip : 0));

	if (i < 0)
		return kf_err(err, -EBADMSG, KF_REASON_PACKAGE,
			      "the package has %s, which its manifest does not list",
			      e->path);
	if (!bit_get(d->wanted, (size_t)i))
		return kf_err(err, -EBADMSG, KF_REASON_PACKAGE,
			      "the package has %s, which was not asked for or came twice",
			      e->path);
	if (!patch && e->size != d->manifest.files[i].size)
		return kf_err(
			err, -EBADMSG, KF_REASON_PACKAGE,
			"%s has %llu bytes in the package, but %llu in its manifest",
			e->path, (unsigned long long)e->size,
			(unsigned long long)d->manifest.files[i].size);
	*ret = (size_t)i;
	*ret_patch = patch;
	return 0;
}

/* The disk need not wait for the end of a large file; what comes of it is seen when the
 * file is read back. */
static void start_writing(int fd, uint64_t size, uint64_t n)
{
	uint64_t at = size / STRETCH_BYTES * STRETCH_BYTES;

	if (at > 0 && size - at < n)
		(void)sync_file_range(fd, (off_t)(at - STRETCH_BYTES), STRETCH_BYTES,
				      SYNC_FILE_RANGE_WRITE);
}

static int put(void *arg, const void *data, size_t n, struct kf_error *err)
{
	struct target *t = arg;
	int rc = deploy_check_cancel(t->r->d, err);

	if (rc < 0)
		return rc;
	rc = fs_write_all(t->out, data, n);
	if (rc < 0)
		return oserr(err, rc, "write %s", t->f->path);
	digest_update(&t->ctx, data, n);
	t->size += n;
	start_writing(t->out, t->size, n);
	deploy_done(t->r->d, n);
	return 0;
}

static int copy_entry(struct target *t, struct kf_error *err)
{
	for (;;) {
		ssize_t n = package_read(t->r->reader, t->r->room, READ_BYTES, err);
		int rc;

		if (n <= 0)
			return (int)n;
		rc = put(t, t->r->room, (size_t)n, err);
		if (rc < 0)
			return rc;
	}
}

static ssize_t pull_patch(void *arg, void *data, size_t n, struct kf_error *err)
{
	const struct target *t = arg;

	return package_read(t->r->reader, data, n, err);
}

static int open_base(void *arg, const struct patch_head *head, struct kf_error *err)
{
	const struct target *t = arg;
	int fd = bases_open(t->r->d->bases, t->i, &head->base, head->base_size);

	if (fd == -ENOENT)
		return kf_err(err, fd, KF_REASON_DIGEST,
			      "%s came as a patch against a version that the board does "
			      "not have",
			      t->f->path);
	return fd < 0 ? oserr(err, fd, "open the older version of %s", t->f->path) : fd;
}

static int apply_patch(struct target *t, struct kf_error *err)
{
	const struct patch_in in = {.pull = pull_patch,
				    .base = open_base,
				    .put = put,
				    .arg = t,
				    .what = t->f->path,
				    .size = t->f->size};

	return patch_in(&in, err);
}

static int check_target(struct target *t, bool patch, struct kf_error *err)
{
	struct digest is;

	digest_final(&t->ctx, &is);
	if (t->size != t->f->size)
		return kf_err(err, -EBADMSG, KF_REASON_PACKAGE,
			      "%s ended after %llu of %llu bytes", t->f->path,
			      (unsigned long long)t->size,
			      (unsigned long long)t->f->size);
	if (digest_equal(&is, &t->f->digest))
		return 0;
	if (patch)
		return kf_err(err, -EBADMSG, KF_REASON_DIGEST,
			      "the patch of %s makes other bytes than its manifest says",
			      t->f->path);
	return kf_err(err, -EBADMSG, KF_REASON_DIGEST,
		      "%s arrived with other bytes than its manifest says; build and "
		      "pack again",
		      t->f->path);
}

/* The directory that path goes to, *ret_base its name there. */
static int enter(struct receive *r, const char *path, const char **ret_base)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	int dir;

	if (r->dir >= 0 && strlen(r->dir_path) == n &&
	    memcmp(r->dir_path, path, n) == 0) {
		*ret_base = slash ? slash + 1 : path;
		return r->dir;
	}
	dir = deploy_parent(r->d->staging_fd, path, ret_base);
	if (dir < 0)
		return dir;
	cleanup_close(&r->dir);
	r->dir = dir;
	memcpy(r->dir_path, path, n);
	r->dir_path[n] = '\0';
	return dir;
}

static int put_in_place(struct receive *r, int out, const struct manifest_file *f)
{
	const char *name;
	int dir;

	if (fchmod(out, f->mode) < 0)
		return -errno;
	dir = enter(r, f->path, &name);
	if (dir < 0)
		return dir;
	return renameat(r->d->staging_fd, PART_FILE, dir, name) < 0 ? -errno : 0;
}

static int receive_file(struct receive *r, size_t i, bool patch, struct kf_error *err)
{
	const struct manifest_file *f = &r->d->manifest.files[i];
	struct target t = {.r = r, .f = f, .i = i};
	struct deploy *d = r->d;
	_close_ int out = -1;
	int rc;

	out = fs_open_beneath(d->staging_fd, PART_FILE,
			      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (out < 0)
		return oserr(err, out, "make a file for %s", f->path);
	t.out = out;
	digest_init(&t.ctx);
	rc = patch ? apply_patch(&t, err) : copy_entry(&t, err);
	if (rc == 0)
		rc = check_target(&t, patch, err);
	if (rc == 0) {
		rc = put_in_place(r, out, f);
		if (rc < 0)
			oserr(err, rc, "put %s in place", f->path);
	}
	if (rc < 0) {
		unlinkat(d->staging_fd, PART_FILE, 0);
		return rc;
	}
	bit_set(d->wanted, i, false);
	d->wanted_files--;
	d->wanted_bytes -= f->size;
	d->received_bytes += f->size;
	return verify_add(d, i, err);
}

static int receive_all(struct receive *r, struct kf_error *err)
{
	struct package_entry e;
	int rc;

	while ((rc = package_next(r->reader, &e, err)) > 0) {
		bool patch = false;
		size_t i = 0;

		rc = expect(r->d, &e, &i, &patch, err);
		if (rc == 0)
			rc = receive_file(r, i, patch, err);
		if (rc < 0)
			return rc;
	}
	if (rc == 0 && r->d->wanted_files > 0)
		return kf_err(err, -EBADMSG, KF_REASON_PACKAGE,
			      "the package ended, but %llu files are missing",
			      (unsigned long long)r->d->wanted_files);
	return rc;
}

/* Nothing is wanted: an empty stream will do, whatever it is made of. */
static int drain(struct receive *r, package_pull_fn pull, void *arg, struct kf_error *err)
{
	ssize_t n;

	while ((n = pull(arg, r->room, READ_BYTES)) > 0)
		;
	return n < 0 ? oserr(err, (int)n, "receive the package") : 0;
}

int deploy_receive(struct deploy *d, package_pull_fn pull, void *arg,
		   struct kf_error *err)
{
	_free_ uint8_t *room = malloc(READ_BYTES);
	struct receive r = {.d = d, .room = room, .dir = -1};
	int rc;

	if (!room)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	if (d->wanted_files == 0)
		return drain(&r, pull, arg, err);
	if (d->staging_fd < 0)
		return kf_err(err, -EINVAL, KF_REASON_PROTOCOL,
			      "files came before the manifest");
	if (unlinkat(d->staging_fd, PART_FILE, 0) < 0 && errno != ENOENT)
		return oserr(err, -errno, "remove an old temporary file");
	deploy_stage(d, "unpack", d->wanted_bytes);
	rc = verify_begin(d, err);
	if (rc == 0)
		rc = package_reader_new(pull, arg, &r.reader, err);
	if (rc == 0)
		rc = receive_all(&r, err);
	package_reader_free(r.reader);
	cleanup_close(&r.dir);
	if (rc < 0)
		verify_stop(d);
	if (rc < 0 && err->reason == KF_REASON_SPACE)
		d->drop_staging = true;
	return rc;
}
