/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * depmod's files.  They depend on the modules' bytes and names, on what lies beside them,
 * on depmod itself and on its configuration, and on nothing else: as long as all that is
 * the same, they are.  Before depmod runs, its directory is made to hold exactly what is
 * to be packed: what was renamed, deleted or built in leaves nothing behind.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/kernel/modules.h"
#include "controller/kernel/pack/pack_internal.h"
#include "controller/strf.h"
#include "proto/base/fs.h"

#define MEMO "depmod"

struct depmod {
	struct pack *p;
	const char *release;
	char *dir;	   /* <root>/lib/modules/<release> */
	char *prefix;	   /* modules/<release>/ */
	size_t first, end; /* what depmod works on, in p->contents */
	bool stripped;
};

/* --- its key --------------------------------------------------------------------------
 */

struct conf {
	struct packkey *key;
	const char *dir;
};

static int add_conf(void *arg, int dirfd, const char *name, const char *path,
		    const struct stat *st)
{
	struct conf *c = arg;
	_free_ char *full = strf("%s/%s", c->dir, path);

	(void)dirfd;
	(void)name;
	(void)st;
	if (!full)
		return -ENOMEM;
	packkey_stamp(c->key, full);
	return 0;
}

static int find_key(struct depmod *d, struct digest *ret, bool *ret_young)
{
	static const char *const dirs[] = {"/etc/depmod.d", "/run/depmod.d",
					   "/usr/local/lib/depmod.d", "/usr/lib/depmod.d",
					   "/lib/depmod.d"};
	_free_ char *program = NULL;
	struct packkey k;
	struct digest list;

	packkey_init(&k, d->p->cache);
	if (modules_find_depmod(&program) == 0)
		packkey_stamp(&k, program);
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		struct conf c = {.key = &k, .dir = dirs[i]};
		_close_ int fd = fs_open_dir(AT_FDCWD, dirs[i]);
		int r = fd < 0 ? 0 : fs_walk(fd, ".", add_conf, &c);

		if (r == -ENOMEM)
			return r;
		/* What cannot be read may change without being seen. */
		k.young = k.young || r < 0 || (fd < 0 && fd != -ENOENT);
	}
	packkey_text(&k, d->stripped ? "stripped" : "links");
	packcache_list_digest(&d->p->contents, d->first, &list);
	packkey_digest(&k, &list);
	digest_final(&k.ctx, ret);
	*ret_young = k.young;
	return 0;
}

/* --- its directory --------------------------------------------------------------------
 */

static int by_path(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Paths below root that are to stay, sorted. */
static char **list_wanted(struct depmod *d, size_t *ret_n)
{
	size_t n = d->end - d->first;
	char **v = calloc(n + 1, sizeof(*v));

	for (size_t i = 0; v && i < n; i++)
		v[i] = d->p->contents.items[d->first + i].path;
	if (v)
		qsort(v, n, sizeof(*v), by_path);
	*ret_n = n;
	return v;
}

struct sweep {
	char **wanted;
	size_t n;
	struct buf emptied; /* directories, each with its NUL */
};

static int sweep_one(void *arg, int dirfd, const char *name, const char *path,
		     const struct stat *st)
{
	struct sweep *s = arg;
	/* lib/modules/... is modules/... in the package. */
	const char *in_package = strncmp(path, "lib/", 4) == 0 ? path + 4 : "";
	size_t parent = strlen(path) - strlen(name);

	(void)st;
	if (bsearch(&in_package, s->wanted, s->n, sizeof(*s->wanted), by_path))
		return 0;
	if (unlinkat(dirfd, name, 0) < 0)
		return -errno;
	return parent > 0 ? buf_printf(&s->emptied, "%.*s%c", (int)parent - 1, path, 0)
			  : 0;
}

static void remove_emptied(int root, struct buf *dirs)
{
	char *p = (char *)buf_data(dirs), *end = p ? p + buf_len(dirs) : NULL;

	while (p < end) {
		char *next = p + strlen(p) + 1, *slash;

		while (unlinkat(root, p, AT_REMOVEDIR) == 0 && (slash = strrchr(p, '/')))
			*slash = '\0';
		p = next;
	}
}

static int sweep(struct depmod *d, struct kf_error *err)
{
	struct sweep s = {0};
	_close_ int fd = -1;
	int r = fs_mkdirs(AT_FDCWD, d->dir);

	s.wanted = list_wanted(d, &s.n);
	if (!s.wanted)
		return pack_no_memory(err);
	fd = r < 0 ? r : fs_open_dir(AT_FDCWD, d->p->root);
	r = fd < 0 ? fd : fs_walk(fd, ".", sweep_one, &s);
	if (r == 0)
		remove_emptied(fd, &s.emptied);
	free(s.wanted);
	buf_fini(&s.emptied);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "tidy %s: %m", d->p->root);
	return 0;
}

static int make_link(const char *target, const char *path)
{
	char is[PATH_MAX];
	ssize_t n = readlink(path, is, sizeof(is));
	int r;

	if (n > 0 && (size_t)n == strlen(target) && memcmp(is, target, (size_t)n) == 0)
		return 0;
	r = fs_mkdirs_parent(AT_FDCWD, path);
	if (r < 0)
		return r;
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	return symlink(target, path) < 0 ? -errno : 0;
}

/* What is not in depmod's directory itself is shown there. */
static int link_others(struct depmod *d, struct kf_error *err)
{
	size_t n = strlen(d->dir);

	for (size_t i = d->first; i < d->end; i++) {
		const struct contents_item *it = &d->p->contents.items[i];
		_free_ char *path = NULL;
		int r;

		if (strncmp(it->source, d->dir, n) == 0 && it->source[n] == '/')
			continue;
		path = strf("%s/%s", d->dir, it->path + strlen(d->prefix));
		if (!path)
			return pack_no_memory(err);
		r = make_link(it->source, path);
		if (r < 0)
			return kf_err(err, r, KF_REASON_IO, "make the link %s: %m", path);
	}
	return 0;
}

/* --- its files ------------------------------------------------------------------------
 */

static bool is_depmods(DIR *dir, const char *name)
{
	struct stat st;

	return strncmp(name, "modules.", 8) == 0 && strcmp(name, "modules.order") != 0 &&
	       fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode);
}

/* Add what depmod made; *ret is their digest. */
static int add_files(struct depmod *d, struct digest *ret, struct kf_error *err)
{
	struct contents *c = &d->p->contents;
	_closedir_ DIR *dir = opendir(d->dir);
	struct contents made = {0};
	const char *name;
	int r = dir || errno == ENOENT ? 0 : -errno;

	while (r == 0 && dir && (r = fs_dir_next(dir, &name)) == 0 && name) {
		_free_ char *path = NULL, *source = NULL;

		if (!is_depmods(dir, name))
			continue;
		path = strf("%s%s", d->prefix, name);
		source = strf("%s/%s", d->dir, name);
		if (!path || !source)
			return pack_no_memory(err);
		r = contents_add(c, path, source, err);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "read the directory %s: %m", d->dir);
	r = packcache_digest(d->p->cache, c, err);
	if (r < 0)
		return r;
	/* The directory's order means nothing. */
	made.items = c->items + d->end;
	made.n = c->n - d->end;
	contents_sort(&made);
	packcache_list_digest(&made, 0, ret);
	return 0;
}

static int run(struct depmod *d, const struct digest *key, bool young,
	       struct kf_error *err)
{
	char hex[DIGEST_HEX];
	struct digest made;
	int r = sweep(d, err);

	if (r == 0)
		r = link_others(d, err);
	if (r < 0)
		return r;
	ui_progress(d->p->ui, "pack", NULL, 0, 0, "depmod");
	r = modules_depmod(d->p->root, d->release, err);
	if (r == 0)
		r = add_files(d, &made, err);
	if (r < 0 || young)
		return r;
	digest_hex(&made, hex);
	return packcache_set_memo(d->p->cache, MEMO, key, hex) < 0 ? pack_no_memory(err)
								   : 0;
}

int packdepmod_add(struct pack *p, size_t first, bool stripped, struct kf_error *err)
{
	const char *release = p->k->manifest.release;
	_free_ char *dir = strf("%s/lib/modules/%s", p->root, release);
	_free_ char *prefix = strf("modules/%s/", release);
	struct depmod d = {.p = p,
			   .release = release,
			   .dir = dir,
			   .prefix = prefix,
			   .first = first,
			   .end = p->contents.n,
			   .stripped = stripped};
	char hex[DIGEST_HEX] = "";
	struct digest key, made;
	const char *was;
	bool young;
	int r;

	if (!dir || !prefix || find_key(&d, &key, &young) < 0)
		return pack_no_memory(err);
	was = young ? NULL : packcache_memo(p->cache, MEMO, &key);
	if (was) {
		r = add_files(&d, &made, err);
		if (r < 0)
			return r;
		digest_hex(&made, hex);
		if (strcmp(hex, was) == 0)
			return 0;
		ui_debug(p->ui, "depmod's files were altered in the cache");
		contents_cut(&p->contents, d.end);
	}
	return run(&d, &key, young, err);
}
