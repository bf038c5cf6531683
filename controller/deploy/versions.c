/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file is <cache>/versions/<digest>, a package <digest of its manifest>.kferry.  Its
 * time of access says when it was used: that is set here, whatever the mount options are,
 * and nothing else of a file changes.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>

#include "controller/deploy/versions_internal.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"

#define TMP_STALE_S   3600 /* nobody writes one for so long */
#define LOCK_FILE     ".lock"
#define TRIM_TO(max)  ((max) / 10 * 9)
#define MIB(n)	      ((uint64_t)(n) << 20)
#define SPACE_LEFT(n) ((n) / 20) /* of the file system: never fill it for a cache */

struct versions *versions_open(const struct config *cfg)
{
	uint64_t mib = config_uint(cfg, NULL, "cache.versions");
	struct versions *v;

	if (mib == 0)
		return NULL;
	v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	v->max = mib < (UINT64_MAX >> 20) ? MIB(mib) : UINT64_MAX;
	v->dir = -1;
	v->path = strf("%s/versions", config_cache_dir(cfg));
	if (v->path && fs_mkdirs(AT_FDCWD, v->path) == 0)
		v->dir = fs_open_dir(AT_FDCWD, v->path);
	if (v->dir < 0) {
		log_debug("versions path=%s error=\"no directory\"",
			  v->path ? v->path : "?");
		versions_close(v);
		return NULL;
	}
	return v;
}

void versions_close(struct versions *v)
{
	if (!v)
		return;
	cleanup_close(&v->dir);
	bundles_free(v->bundles);
	free(v->path);
	free(v);
}

static void touch(int fd)
{
	const struct timespec times[] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};

	if (futimens(fd, times) < 0)
		log_debug("versions touch error=\"%s\"", strerror(errno));
}

static int get(struct versions *v, const struct digest *d, uint64_t *ret_size)
{
	_close_ int fd = -1;
	struct digest is;
	char hex[DIGEST_HEX];
	struct stat st;

	digest_hex(d, hex);
	fd = fs_open_beneath(v->dir, hex, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	if (fd < 0)
		return -ENOENT;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || digest_fd(fd, &is, NULL) < 0 ||
	    !digest_equal(&is, d)) {
		log_debug("versions file=%s error=\"damaged: removed\"", hex);
		unlinkat(v->dir, hex, 0);
		return -ENOENT;
	}
	touch(fd);
	*ret_size = (uint64_t)st.st_size;
	return TAKE_FD(fd);
}

int versions_get(struct versions *v, const struct digest *d, uint64_t *ret_size)
{
	int fd;

	if (!v)
		return -ENOENT;
	fd = get(v, d, ret_size);
	return fd < 0 && bundles_unpack(v, d) ? get(v, d, ret_size) : fd;
}

/* --- adding ------------------------------------------------------------------------- */

bool versions_has(const struct versions *v, const char *hex)
{
	struct stat st;

	return fstatat(v->dir, hex, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

void versions_failed(struct versions *v, int rc)
{
	log_debug("versions path=%s error=\"%s\"", v->path, strerror(-rc));
	v->off = true;
}

int versions_check_room(const struct versions *v)
{
	uint64_t total, left;

	if (fs_total_bytes(v->dir, &total) < 0 || fs_free_bytes(v->dir, &left) < 0)
		return 0;
	return left < SPACE_LEFT(total) ? -ENOSPC : 0;
}

int versions_make_tmp(const struct versions *v, char **ret_name)
{
	_free_ char *path = strf("%s/" TMP_PREFIX "XXXXXX", v->path);
	int fd;

	if (!path)
		return -ENOMEM;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_name = strdup(strrchr(path, '/') + 1);
	if (*ret_name)
		return fd;
	unlink(path);
	close(fd);
	return -ENOMEM;
}

/* in: the file; or -1, and data.  A copy shares its blocks where the file system can. */
static int add(struct versions *v, const char *hex, int in, const void *data, size_t n)
{
	_free_ char *tmp = NULL;
	_close_ int out = -1;
	int rc = versions_check_room(v);

	if (rc < 0)
		return rc;
	out = versions_make_tmp(v, &tmp);
	if (out < 0)
		return out;
	if (in < 0)
		rc = fs_write_all(out, data, n);
	else if (ioctl(out, FICLONE, in) < 0)
		rc = fs_copy_fd(in, out, NULL);
	if (rc == 0 && renameat(v->dir, tmp, v->dir, hex) < 0)
		rc = -errno;
	if (rc < 0)
		unlinkat(v->dir, tmp, 0);
	else
		v->added = true;
	return rc;
}

void versions_put(struct versions *v, const struct digest *d, const void *data, size_t n)
{
	char hex[DIGEST_HEX];
	int rc;

	if (!v || v->off)
		return;
	digest_hex(d, hex);
	if (versions_has(v, hex))
		return;
	rc = add(v, hex, -1, data, n);
	if (rc < 0)
		versions_failed(v, rc);
}

void versions_put_file(struct versions *v, const struct digest *d, const char *path,
		       bool ours)
{
	_close_ int in = -1;
	char hex[DIGEST_HEX];
	int rc;

	if (!v || v->off)
		return;
	digest_hex(d, hex);
	if (versions_has(v, hex))
		return;
	if (ours && linkat(AT_FDCWD, path, v->dir, hex, 0) == 0) {
		v->added = true;
		return;
	}
	in = fs_open_beneath(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (in < 0)
		return;
	rc = add(v, hex, in, NULL, 0);
	if (rc < 0)
		versions_failed(v, rc);
}

/* --- removing ------------------------------------------------------------------------
 */

struct kept {
	char name[BUNDLE_NAME];
	uint64_t bytes;
	struct timespec used;
};

struct list {
	struct kept *v;
	size_t n, cap;
	uint64_t bytes;
};

static int by_use(const void *x, const void *y)
{
	const struct kept *a = x, *b = y;

	if (a->used.tv_sec != b->used.tv_sec)
		return a->used.tv_sec < b->used.tv_sec ? -1 : 1;
	if (a->used.tv_nsec != b->used.tv_nsec)
		return a->used.tv_nsec < b->used.tv_nsec ? -1 : 1;
	return strcmp(a->name, b->name);
}

static int add_kept(struct list *l, const char *name, const struct stat *st)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 256;
		struct kept *more = reallocarray(l->v, cap, sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->v = more;
		l->cap = cap;
	}
	memcpy(l->v[l->n].name, name, strlen(name) + 1);
	l->v[l->n].bytes = (uint64_t)st->st_size;
	l->v[l->n].used = st->st_atim;
	l->bytes += (uint64_t)st->st_size;
	l->n++;
	return 0;
}

static int list(const struct versions *v, struct list *l)
{
	_close_ int fd = fs_open_dir(v->dir, ".");
	_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	struct digest d;

	if (!dir)
		return -EIO;
	fd = -1;
	while ((e = readdir(dir))) {
		struct stat st;

		if (fstatat(v->dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		if (strncmp(e->d_name, TMP_PREFIX, strlen(TMP_PREFIX)) == 0 &&
		    st.st_mtime + TMP_STALE_S < time(NULL))
			unlinkat(v->dir, e->d_name, 0);
		if ((digest_parse(e->d_name, strlen(e->d_name), &d) == 0 ||
		     bundle_name_is(e->d_name)) &&
		    add_kept(l, e->d_name, &st) < 0)
			return -ENOMEM;
	}
	return 0;
}

void versions_trim(struct versions *v)
{
	struct list l = {0};
	_close_ int lock = -1;

	if (!v || !v->added)
		return;
	v->added = false;
	lock = fs_open_beneath(v->dir, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	/* Another kferry is at it. */
	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0)
		return;
	if (list(v, &l) == 0 && l.bytes > v->max) {
		qsort(l.v, l.n, sizeof(*l.v), by_use);
		for (size_t i = 0; i < l.n && l.bytes > TRIM_TO(v->max); i++) {
			if (unlinkat(v->dir, l.v[i].name, 0) == 0 || errno == ENOENT)
				l.bytes -= l.v[i].bytes;
		}
	}
	free(l.v);
}
