/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Collecting the files of a package.  Digests are the only slow part: they are computed
 * on all processors.
 */
#include "controller/kernel/contents.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/kernel/parallel.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/text.h"

void contents_cut(struct contents *c, size_t n)
{
	while (c->n > n) {
		c->n--;
		free(c->items[c->n].path);
		free(c->items[c->n].source);
	}
}

void contents_fini(struct contents *c)
{
	contents_cut(c, 0);
	free(c->items);
	*c = (struct contents){0};
}

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY,
		      "no memory for the package's list of files");
}

int contents_add(struct contents *c, const char *path, const char *source,
		 struct kf_error *err)
{
	_free_ char *p = NULL;
	_free_ char *s = NULL;

	if (!text_is_path(path, strlen(path)))
		return kf_err(
			err, -EINVAL, KF_REASON_PACKAGE,
			"%s cannot go into a package as \"%s\": its name is too long or "
			"has characters that are not allowed",
			source, path);
	if (c->n >= LIMIT_FILES)
		return kf_err(err, -E2BIG, KF_REASON_PACKAGE,
			      "more than %u files: a package cannot hold them",
			      LIMIT_FILES);
	if (c->n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 64;
		struct contents_item *items = reallocarray(c->items, cap, sizeof(*items));

		if (!items)
			return no_memory(err);
		c->items = items;
		c->cap = cap;
	}
	p = strdup(path);
	s = strdup(source);
	if (!p || !s)
		return no_memory(err);
	c->items[c->n++] =
		(struct contents_item){.path = TAKE_PTR(p), .source = TAKE_PTR(s)};
	return 0;
}

struct add_tree {
	struct contents *c;
	const char *dir, *prefix;
	size_t n;
	struct kf_error *err;
};

static int add_found(void *arg, int dirfd, const char *name, const char *path,
		     const struct stat *st)
{
	struct add_tree *a = arg;
	_free_ char *in_package = NULL;
	_free_ char *source = NULL;
	int r;

	(void)dirfd;
	(void)name;
	if (S_ISLNK(st->st_mode) || S_ISDIR(st->st_mode))
		return 0;
	if (!S_ISREG(st->st_mode))
		return kf_err(a->err, -EINVAL, KF_REASON_PACKAGE,
			      "%s/%s is neither a file nor a directory", a->dir, path);
	in_package = strf("%s/%s", a->prefix, path);
	source = strf("%s/%s", a->dir, path);
	if (!in_package || !source)
		return no_memory(a->err);
	r = contents_add(a->c, in_package, source, a->err);
	if (r == 0)
		a->n++;
	return r;
}

int contents_add_tree(struct contents *c, const char *dir, const char *prefix,
		      size_t *ret_n, struct kf_error *err)
{
	struct kf_error inner = {0};
	struct add_tree a = {.c = c, .dir = dir, .prefix = prefix, .err = &inner};
	_close_ int fd = fs_open_dir(AT_FDCWD, dir);
	int r = fd < 0 ? fd : fs_walk(fd, ".", add_found, &a);

	if (r < 0 && inner.code == 0)
		return kf_err(err, r, KF_REASON_IO, "read %s: %m", dir);
	if (r < 0) {
		if (err)
			*err = inner;
		return r;
	}
	if (ret_n)
		*ret_n = a.n;
	return 0;
}

static int digest_item(void *arg, size_t i)
{
	struct contents_item *it = &((struct contents *)arg)->items[i];
	_close_ int fd = -1;
	int r;

	if (it->known)
		return 0;
	fd = fs_open_beneath(AT_FDCWD, it->source, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	r = digest_fd(fd, &it->digest, &it->size);
	it->known = r == 0;
	return r;
}

static int digest_all(struct contents *c, struct kf_error *err)
{
	size_t failed = 0;
	int r = parallel_run(c->n, digest_item, c, &failed);

	if (r == -ECANCELED)
		return kf_err(err, r, KF_REASON_CANCELLED, "packing was cancelled");
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "read %s: %m",
			      c->items[failed].source);
	return 0;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct contents_item *)a)->path,
		      ((const struct contents_item *)b)->path);
}

void contents_sort(struct contents *c)
{
	if (c->n > 0)
		qsort(c->items, c->n, sizeof(*c->items), by_path);
}

int contents_seal(struct contents *c, struct kernel *k, struct kf_error *err)
{
	int r;

	contents_sort(c);
	r = digest_all(c, err);
	if (r < 0)
		return r;
	k->source = calloc(c->n + 1, sizeof(*k->source));
	if (!k->source)
		return no_memory(err);
	for (size_t i = 0; i < c->n; i++) {
		struct contents_item *it = &c->items[i];

		r = manifest_add(&k->manifest, it->path, 0644, it->size, &it->digest);
		if (r < 0)
			return kf_err(err, r, KF_REASON_PACKAGE, "add %s: %m", it->path);
		k->source[i] = TAKE_PTR(it->source);
	}
	r = manifest_emit(&k->manifest, &k->manifest_bytes, err);
	if (r < 0)
		return r;
	kernel_identify(k);
	return 0;
}
