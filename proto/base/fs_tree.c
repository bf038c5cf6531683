/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whole directory trees: walk, size, removal.  Recursion holds one descriptor per
 * level, hence DEPTH_MAX.  Removal stays on its file system: what is mounted inside
 * a tree belongs to somebody else.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "proto/base/fs.h"

#define DEPTH_MAX    100 /* levels; deeper is -ELOOP */
#define REMOVE_TRIES 4	 /* passes over a directory that does not become empty */

struct entry {
	char *name;
	struct stat st;
};

struct listing {
	struct entry *v;
	size_t n, size;
};

static void listing_fini(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].name);
	free(l->v);
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int listing_add(struct listing *l, const char *name, const struct stat *st)
{
	struct entry *v;
	size_t size;

	if (l->n == l->size) {
		size = l->size ? l->size * 2 : 32;
		v = reallocarray(l->v, size, sizeof(*v));
		if (!v)
			return -ENOMEM;
		l->v = v;
		l->size = size;
	}
	l->v[l->n].name = strdup(name);
	if (!l->v[l->n].name)
		return -ENOMEM;
	l->v[l->n++].st = *st;
	return 0;
}

/* A directory counts as "name/": then the order of names is the order of paths. */
static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	const unsigned char *p = (const unsigned char *)x->name;
	const unsigned char *q = (const unsigned char *)y->name;
	int c, d;

	while (*p && *p == *q) {
		p++;
		q++;
	}
	c = *p ? *p : S_ISDIR(x->st.st_mode) ? '/' : 0;
	d = *q ? *q : S_ISDIR(y->st.st_mode) ? '/' : 0;
	return c - d;
}

int fs_dir_stream(int fd, DIR **ret)
{
	DIR *d;

	if (fd < 0)
		return fd;
	d = fdopendir(fd);
	if (!d) {
		int r = -errno;

		close(fd);
		return r;
	}
	*ret = d;
	return 0;
}

int fs_dir_next(DIR *d, const char **ret)
{
	struct dirent *e;

	do {
		errno = 0;
		e = readdir(d); /* the stream is this thread's own */
		if (!e && errno)
			return -errno;
	} while (e && is_dots(e->d_name));
	*ret = e ? e->d_name : NULL;
	return 0;
}

static int list(DIR *d, struct listing *l)
{
	for (;;) {
		const char *name;
		struct stat st;
		int r = fs_dir_next(d, &name);

		if (r < 0 || !name)
			return r;
		if (fstatat(dirfd(d), name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno == ENOENT)
				continue;
			return -errno;
		}
		r = listing_add(l, name, &st);
		if (r < 0)
			return r;
	}
}

struct walk {
	fs_walk_fn fn;
	void *arg;
	struct buf path; /* of the directory being walked, with its slash */
};

/* Takes fd. */
static int walk_dir(struct walk *w, int fd, int depth)
{
	_cleanup_(listing_fini) struct listing l = {0};
	size_t len = buf_len(&w->path);
	_closedir_ DIR *d = NULL;
	int r;

	r = fs_dir_stream(fd, &d);
	if (r < 0)
		return r;
	r = list(d, &l);
	if (r < 0)
		return r;
	if (l.n > 0)
		qsort(l.v, l.n, sizeof(*l.v), compare);
	for (size_t i = 0; i < l.n; i++) {
		bool dir = S_ISDIR(l.v[i].st.st_mode);
		const char *path;

		r = buf_printf(&w->path, "%s%s", l.v[i].name, dir ? "/" : "");
		if (r < 0)
			return r;
		path = buf_str(&w->path);
		if (!path)
			return -ENOMEM;
		if (dir) {
			int sub = depth >= DEPTH_MAX
					  ? -ELOOP
					  : fs_open_beneath(dirfd(d), l.v[i].name,
							    O_RDONLY | O_DIRECTORY, 0);

			r = sub < 0 ? sub : walk_dir(w, sub, depth + 1);
		} else {
			r = w->fn(w->arg, dirfd(d), l.v[i].name, path, &l.v[i].st);
		}
		if (r != 0)
			return r;
		w->path.end = w->path.start + len;
	}
	return 0;
}

int fs_walk(int dirfd, const char *rel, fs_walk_fn fn, void *arg)
{
	struct walk w = {.fn = fn, .arg = arg};
	int fd, r;

	fd = fs_open_beneath(dirfd, rel, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	r = walk_dir(&w, fd, 0);
	buf_fini(&w.path);
	return r;
}

static int add_size(void *arg, int dirfd, const char *name, const char *path,
		    const struct stat *st)
{
	uint64_t *total = arg;

	(void)dirfd;
	(void)name;
	(void)path;
	if (S_ISREG(st->st_mode))
		*total += (uint64_t)st->st_size;
	return 0;
}

int fs_tree_bytes(int dirfd, const char *rel, uint64_t *ret)
{
	uint64_t total = 0;
	struct stat st;
	int r;

	r = fs_walk(dirfd, rel, add_size, &total);
	if (r == -ENOTDIR) {
		_close_ int fd = fs_open_beneath(dirfd, rel, O_PATH, 0);

		if (fd < 0)
			return fd;
		if (fstat(fd, &st) < 0)
			return -errno;
		total = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
		r = 0;
	}
	if (r == 0)
		*ret = total;
	return r;
}

/* Is the directory fd another mount than the one that holds it? */
static bool is_mount(int fd, dev_t dev)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stx) < 0) {
		struct stat st;

		return fstat(fd, &st) < 0 || st.st_dev != dev;
	}
	if (makedev(stx.stx_dev_major, stx.stx_dev_minor) != dev)
		return true;
#ifdef STATX_ATTR_MOUNT_ROOT
	if (stx.stx_attributes_mask & stx.stx_attributes & STATX_ATTR_MOUNT_ROOT)
		return true;
#endif
	return false;
}

static int remove_at(int at, const char *name, dev_t dev, int depth);

/* Remove what d holds; -ENOTEMPTY when entries appeared meanwhile. */
static int empty_dir(DIR *d, dev_t dev, int depth)
{
	rewinddir(d);
	for (;;) {
		const char *name;
		int r = fs_dir_next(d, &name);

		if (r < 0 || !name)
			return r;
		r = remove_at(dirfd(d), name, dev, depth + 1);
		if (r < 0)
			return r;
	}
}

static int remove_at(int at, const char *name, dev_t dev, int depth)
{
	_closedir_ DIR *d = NULL;
	int fd, r;

	if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	r = -errno;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) /* not a directory after all: why unlink failed is the news */
		return errno == ENOTDIR || errno == ELOOP ? r : -errno;
	if (depth >= DEPTH_MAX || is_mount(fd, dev)) {
		close(fd);
		return depth >= DEPTH_MAX ? -ELOOP : -EBUSY;
	}
	r = fs_dir_stream(fd, &d);
	if (r < 0)
		return r;
	for (int i = 0; i < REMOVE_TRIES; i++) {
		r = empty_dir(d, dev, depth);
		if (r < 0)
			return r;
		if (unlinkat(at, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		r = -errno;
		if (r != -ENOTEMPTY && r != -EEXIST)
			return r;
	}
	return r;
}

int fs_remove_tree(int dirfd, const char *rel)
{
	_free_ char *copy = strdup(rel);
	_close_ int parent = -1;
	struct stat st;
	char *slash, *base;
	size_t n;

	if (!copy)
		return -ENOMEM;
	n = strlen(copy);
	while (n > 1 && copy[n - 1] == '/')
		copy[--n] = '\0';
	slash = strrchr(copy, '/');
	base = slash ? slash + 1 : copy;
	if (*base == '\0' || is_dots(base))
		return -EINVAL;
	if (slash == copy)
		parent = fs_open_beneath(dirfd, "/", O_PATH | O_DIRECTORY, 0);
	else if (slash)
		*slash = '\0';
	if (slash != copy)
		parent = fs_open_beneath(dirfd, slash ? copy : ".", O_PATH | O_DIRECTORY,
					 0);
	if (parent < 0)
		return parent == -ENOENT ? 0 : parent;
	if (fstat(parent, &st) < 0)
		return -errno;
	return remove_at(parent, base, st.st_dev, 0);
}
