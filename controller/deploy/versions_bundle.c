/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packages of the store, called bundles here: a fifth of the bytes of their files, and
 * written in one go while a board installs.  Most are never unpacked: the next kernel of
 * a developer comes from a tree.
 *
 * What files they have is read from their manifests when a file is missing for the first
 * time, and remembered as long as the store is open.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "controller/cancel.h"
#include "controller/deploy/versions_internal.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/limits.h"
#include "proto/manifest.h"
#include "proto/package.h"

#define BLOCK ((size_t)128 * 1024)

struct bundle {
	char name[BUNDLE_NAME];
	struct digest *files; /* sorted */
	size_t n;
};

struct bundles {
	struct bundle *v;
	size_t n;
};

bool bundle_name_is(const char *name)
{
	struct digest d;
	size_t n = strlen(name);

	return n == BUNDLE_NAME - 1 && digest_parse(name, DIGEST_HEX - 1, &d) == 0 &&
	       strcmp(name + DIGEST_HEX - 1, BUNDLE_SUFFIX) == 0;
}

void bundles_free(struct bundles *b)
{
	for (size_t i = 0; b && i < b->n; i++)
		free(b->v[i].files);
	if (b)
		free(b->v);
	free(b);
}

static void damaged(const struct versions *v, const char *name, const char *why)
{
	log_debug("versions package=%s error=\"%s: removed\"", name, why);
	unlinkat(v->dir, name, 0);
}

/* --- what is there ------------------------------------------------------------------ */

static int open_bundle(const struct versions *v, const char *name,
		       struct package_reader **ret, struct kf_error *err)
{
	int fd = fs_open_beneath(v->dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	int rc = fd < 0 ? fd : package_reader_open_fd(fd, ret, err);

	if (rc < 0)
		cleanup_close(&fd);
	return rc;
}

/* Of the package's first entry.  Negative: err may be set. */
static int read_manifest(struct package_reader *r, struct manifest *ret,
			 struct kf_error *err)
{
	_buf_ struct buf bytes = {.max = LIMIT_MANIFEST};
	_free_ uint8_t *block = malloc(BLOCK);
	struct package_entry e;
	int rc = block ? package_next(r, &e, err) : -ENOMEM;
	ssize_t n = 1;

	if (rc == 0 || (rc > 0 && strcmp(e.path, "manifest") != 0))
		return -EBADMSG;
	while (rc > 0 && n > 0) {
		n = package_read(r, block, BLOCK, err);
		rc = n < 0 ? (int)n : 1;
		if (n > 0 && buf_append(&bytes, block, (size_t)n) < 0)
			rc = -ENOMEM;
	}
	if (rc < 0)
		return rc;
	return manifest_parse(buf_data(&bytes), buf_len(&bytes), ret, err);
}

static int by_digest(const void *a, const void *b)
{
	return memcmp(((const struct digest *)a)->b, ((const struct digest *)b)->b,
		      DIGEST_SIZE);
}

static int look_into(const struct versions *v, struct bundle *b)
{
	_manifest_ struct manifest m = {0};
	struct package_reader *r = NULL;
	struct kf_error err = {0};
	int rc = open_bundle(v, b->name, &r, &err);

	if (rc == 0)
		rc = read_manifest(r, &m, &err);
	package_reader_free(r);
	if (rc == -EBADMSG || err.code == -EBADMSG)
		damaged(v, b->name, err.msg);
	if (rc < 0)
		return rc;
	b->files = calloc(m.n_files + 1, sizeof(*b->files));
	if (!b->files)
		return -ENOMEM;
	for (size_t i = 0; i < m.n_files; i++)
		b->files[b->n++] = m.files[i].digest;
	qsort(b->files, b->n, sizeof(*b->files), by_digest);
	return 0;
}

static int add(struct bundles *all, const struct versions *v, const char *name)
{
	struct bundle *more = reallocarray(all->v, all->n + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	all->v = more;
	all->v[all->n] = (struct bundle){0};
	memcpy(all->v[all->n].name, name, BUNDLE_NAME);
	if (look_into(v, &all->v[all->n]) == 0)
		all->n++;
	return 0;
}

static struct bundles *look(const struct versions *v)
{
	_close_ int fd = fs_open_dir(v->dir, ".");
	_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct bundles *all = calloc(1, sizeof(*all));
	struct dirent *e;

	if (!dir || !all)
		return all;
	fd = -1;
	while ((e = readdir(dir))) {
		if (bundle_name_is(e->d_name) && add(all, v, e->d_name) < 0)
			break;
	}
	return all;
}

/* --- unpacking ---------------------------------------------------------------------- */

static int write_file(struct versions *v, struct package_reader *r, const char *tmp,
		      int out, const struct digest *want, uint8_t *block)
{
	struct digest_ctx ctx;
	struct digest is;
	char hex[DIGEST_HEX];
	ssize_t n;
	int rc = 0;

	digest_init(&ctx);
	while ((n = package_read(r, block, BLOCK, NULL)) > 0 && rc == 0) {
		digest_update(&ctx, block, (size_t)n);
		rc = atomic_load(cancel_flag()) ? -ECANCELED
						: fs_write_all(out, block, (size_t)n);
	}
	digest_final(&ctx, &is);
	if (rc == 0 && (n < 0 || !digest_equal(&is, want)))
		rc = -EBADMSG;
	digest_hex(want, hex);
	if (rc == 0 && renameat(v->dir, tmp, v->dir, hex) < 0)
		rc = -errno;
	return rc;
}

static int unpack_file(struct versions *v, struct package_reader *r,
		       const struct digest *want, uint8_t *block)
{
	_free_ char *tmp = NULL;
	_close_ int out = -1;
	char hex[DIGEST_HEX];
	int rc;

	digest_hex(want, hex);
	if (versions_has(v, hex))
		return 0; /* the reader passes over it */
	out = versions_make_tmp(v, &tmp);
	rc = out < 0 ? out : write_file(v, r, tmp, out, want, block);
	if (rc < 0 && out >= 0)
		unlinkat(v->dir, tmp, 0);
	if (rc == 0)
		v->added = true;
	return rc;
}

static int unpack_files(struct versions *v, struct package_reader *r,
			const struct manifest *m)
{
	_free_ uint8_t *block = malloc(BLOCK);
	struct package_entry e;
	int rc = block ? versions_check_room(v) : -ENOMEM;

	if (rc < 0)
		return rc;
	while ((rc = package_next(r, &e, NULL)) > 0) {
		ssize_t i = manifest_find(m, e.path);

		if (i < 0)
			return -EBADMSG;
		rc = unpack_file(v, r, &m->files[i].digest, block);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static void unpack(struct versions *v, const struct bundle *b)
{
	_manifest_ struct manifest m = {0};
	struct package_reader *r = NULL;
	struct kf_error err = {0};
	int rc = open_bundle(v, b->name, &r, &err);

	if (rc == 0)
		rc = read_manifest(r, &m, &err);
	if (rc == 0)
		rc = unpack_files(v, r, &m);
	package_reader_free(r);
	if (rc == -EBADMSG)
		damaged(v, b->name, "not what its manifest says");
	else if (rc < 0 && rc != -ECANCELED)
		versions_failed(v, rc);
	else if (rc == 0)
		unlinkat(v->dir, b->name, 0);
}

bool bundles_unpack(struct versions *v, const struct digest *d)
{
	if (!v->bundles)
		v->bundles = look(v);
	for (size_t i = 0; v->bundles && i < v->bundles->n; i++) {
		struct bundle *b = &v->bundles->v[i];

		if (b->n == 0 ||
		    !bsearch(d, b->files, b->n, sizeof(*b->files), by_digest))
			continue;
		b->n = 0; /* whatever comes of it: once */
		unpack(v, b);
		return true;
	}
	return false;
}

/* --- adding ------------------------------------------------------------------------- */

void versions_put_package(struct versions *v, const struct digest *manifest,
			  const struct packed *p)
{
	_free_ char *tmp = NULL;
	_close_ int out = -1;
	char name[BUNDLE_NAME];
	int rc;

	if (!v || v->off)
		return;
	digest_hex(manifest, name);
	strcat(name, BUNDLE_SUFFIX);
	if (versions_has(v, name))
		return;
	/* Should its owner change the file, its digests tell. */
	if (packed_link(p, v->dir, name) == 0) {
		v->added = true;
		return;
	}
	rc = versions_check_room(v);
	if (rc == 0)
		rc = out = versions_make_tmp(v, &tmp);
	if (rc >= 0)
		rc = packed_copy(p, out);
	if (rc == 0 && renameat(v->dir, tmp, v->dir, name) < 0)
		rc = -errno;
	if (rc < 0 && tmp)
		unlinkat(v->dir, tmp, 0);
	if (rc < 0)
		versions_failed(v, rc);
	else
		v->added = true;
}
