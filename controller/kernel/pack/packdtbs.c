/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device trees and overlays.  From Linux 6.8 on a tree has a list of those it built, and
 * its `make dtbs_install` copies these: they are packed from where they are.  Older ones
 * are asked to install them, again when a device tree, a makefile beside them or the
 * configuration changed.
 */
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/kernel/pack/pack_internal.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/text.h"

#define MAX_LIST     (4u << 20)
#define MAX_MAKEFILE (1u << 20)
#define MEMO	     "dtbs"
#define FLAT	     "CONFIG_ARCH_WANT_FLAT_DTB_INSTALL"

/* "no", "yes", or patterns of which one must match the path below dtbs/. */
static bool dtb_wanted(const char *which, const char *path)
{
	while (*which) {
		char pattern[256];
		size_t n = strcspn(which, " \t");

		if (n > 0 && n < sizeof(pattern)) {
			memcpy(pattern, which, n);
			pattern[n] = '\0';
			if (strcmp(pattern, "yes") == 0 || strcmp(pattern, path) == 0 ||
			    fnmatch(pattern, path, 0) == 0)
				return true;
		}
		which += n;
		which += strspn(which, " \t");
	}
	return false;
}

/* The tree of the Raspberry Pi puts its overlays among the device trees. */
static int move_dtbs(struct pack *p, struct contents *found, const char *which,
		     size_t *ret_n, struct kf_error *err)
{
	size_t n = 0;

	for (size_t i = 0; i < found->n; i++) {
		const char *path = found->items[i].path + strlen("dtbs/");
		bool overlay = strncmp(path, "overlays/", 9) == 0;
		int r;

		if (!overlay && !dtb_wanted(which, path))
			continue;
		r = contents_add(&p->contents, overlay ? path : found->items[i].path,
				 found->items[i].source, err);
		if (r < 0)
			return r;
		n += !overlay;
	}
	*ret_n = n;
	return 0;
}

/* --- the tree's list ------------------------------------------------------------------
 */

/* Does the makefile install what is in dtbs-list, and nothing else? */
static bool installs_list(struct pack *p)
{
	_free_ char *path = strf("%s/scripts/Makefile.dtbinst", p->tree->src);
	_buf_ struct buf b = BUF_INIT;
	const char *text;

	if (!path || fs_read_file(AT_FDCWD, path, MAX_MAKEFILE, &b) < 0)
		return false;
	text = buf_str(&b);
	return text && strstr(text, "/dtbs-list)");
}

/* Lines are "arch/arm64/boot/dts/vendor/board.dtb".  -EBADMSG: they are not. */
static int add_listed(struct pack *p, char *text, const char *dts, bool flat,
		      struct contents *found, struct kf_error *err)
{
	size_t n = strlen(dts);

	for (char *line; (line = strsep(&text, " \n"));) {
		_free_ char *path = NULL, *source = NULL;
		const char *name;
		int r;

		if (!*line)
			continue;
		if (strncmp(line, dts, n) != 0 || line[n] != '/' ||
		    !text_is_path(line, strlen(line)))
			return -EBADMSG;
		name = flat ? strrchr(line, '/') + 1 : line + n + 1;
		path = strf("dtbs/%s", name);
		source = tree_path(p->tree, line);
		if (!path || !source)
			return pack_no_memory(err);
		if (!fs_exists(AT_FDCWD, source))
			return kf_err(err, -ENOENT, KF_REASON_BUILD,
				      "there is no %s, which the tree's list of device "
				      "trees names: build them again",
				      source);
		r = contents_add(found, path, source, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* 0, a negative errno, or PACK_BY_MAKEFILE. */
static int by_list(struct pack *p, const char *dts, struct contents *found,
		   struct kf_error *err)
{
	_free_ char *list = strf("%s/%s/dtbs-list", p->tree->obj, dts);
	_buf_ struct buf b = BUF_INIT;
	char *text;
	int r;

	if (!list)
		return pack_no_memory(err);
	if (!installs_list(p) || fs_read_file(AT_FDCWD, list, MAX_LIST, &b) < 0)
		return PACK_BY_MAKEFILE;
	text = buf_str(&b) ? strdup(buf_str(&b)) : NULL;
	if (!text)
		return pack_no_memory(err);
	r = add_listed(p, text, dts, pack_is_set(p, FLAT), found, err);
	free(text);
	if (r == -EBADMSG) {
		contents_cut(found, 0);
		return PACK_BY_MAKEFILE;
	}
	return r;
}

/* --- the tree's makefile --------------------------------------------------------------
 */

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), e = strlen(end);

	return n >= e && strcmp(s + n - e, end) == 0;
}

struct look {
	struct packkey *key;
	const char *dir;
};

/* What decides which are installed, and what is in them. */
static int look_at(void *arg, int dirfd, const char *name, const char *path,
		   const struct stat *st)
{
	struct look *l = arg;
	_free_ char *full = NULL;

	(void)dirfd;
	(void)st;
	if (strcmp(name, "Makefile") != 0 && !ends_with(name, ".dtb") &&
	    !ends_with(name, ".dtbo"))
		return 0;
	full = strf("%s/%s", l->dir, path);
	if (!full)
		return -ENOMEM;
	packkey_stamp(l->key, full);
	return 0;
}

static int find_key(struct pack *p, const char *dts, struct digest *ret, bool *ret_young)
{
	_free_ char *src = strf("%s/%s", p->tree->src, dts);
	_free_ char *obj = strf("%s/%s", p->tree->obj, dts);
	_free_ char *install = strf("%s/scripts/Makefile.dtbinst", p->tree->src);
	_free_ char *conf = tree_path(p->tree, "include/config/auto.conf");
	const char *const dirs[] = {src, obj};
	struct packkey k;

	if (!src || !obj || !install || !conf)
		return -ENOMEM;
	packkey_init(&k, p->cache);
	packkey_stamp(&k, install);
	packkey_stamp(&k, conf);
	for (char **e = p->tree->extra; e && *e; e++)
		packkey_text(&k, *e);
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		struct look l = {.key = &k, .dir = dirs[i]};
		_close_ int fd = fs_open_dir(AT_FDCWD, dirs[i]);
		int r = fd < 0 ? 0 : fs_walk(fd, ".", look_at, &l);

		if (r == -ENOMEM)
			return r;
		k.young = k.young || fd < 0 || r < 0;
	}
	digest_final(&k.ctx, ret);
	*ret_young = k.young;
	return 0;
}

static int install(struct pack *p, const char *dir, struct kf_error *err)
{
	_free_ char *where = strf("INSTALL_DTBS_PATH=%s", dir);
	const char *words[] = {"-s", "dtbs_install", where, NULL};
	_buf_ struct buf out = {.max = 1u << 20};
	int r;

	if (!where)
		return pack_no_memory(err);
	r = fs_remove_tree(AT_FDCWD, dir);
	if (r == 0)
		r = fs_mkdirs(AT_FDCWD, dir);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "empty the directory %s: %m", dir);
	ui_progress(p->ui, "pack", NULL, 0, 0, "installing device trees");
	r = tree_make(p->tree, words, PACK_INSTALL_TIMEOUT_MS, &out, err);
	if (r < 0)
		return kf_err_wrap(err,
				   "install the device trees of %s (are they built?)",
				   p->tree->obj);
	return 0;
}

static int add_installed(struct pack *p, const char *dir, struct contents *found,
			 struct digest *ret, struct kf_error *err)
{
	int r = contents_add_tree(found, dir, "dtbs", NULL, err);

	if (r == 0)
		r = packcache_digest(p->cache, found, err);
	if (r == 0)
		packcache_list_digest(found, 0, ret);
	return r;
}

static int by_makefile(struct pack *p, const char *dts, struct contents *found,
		       struct kf_error *err)
{
	_free_ char *temp = p->temp ? strf("%s/dtbs", p->temp) : NULL;
	const char *dir = temp ? temp : p->cache->dtbs, *was;
	struct digest key, is;
	char hex[DIGEST_HEX];
	bool young;
	int r;

	if ((p->temp && !temp) || find_key(p, dts, &key, &young) < 0)
		return pack_no_memory(err);
	was = temp || young ? NULL : packcache_memo(p->cache, MEMO, &key);
	if (was && fs_exists(AT_FDCWD, dir)) {
		r = add_installed(p, dir, found, &is, err);
		if (r < 0)
			return r;
		digest_hex(&is, hex);
		if (strcmp(hex, was) == 0)
			return 0;
		ui_debug(p->ui, "device trees were altered in the cache");
		contents_cut(found, 0);
	}
	r = install(p, dir, err);
	if (r == 0)
		r = add_installed(p, dir, found, &is, err);
	if (r < 0 || young)
		return r;
	digest_hex(&is, hex);
	return packcache_set_memo(p->cache, MEMO, &key, hex) < 0 ? pack_no_memory(err)
								 : 0;
}

int packdtbs_add(struct pack *p, struct kf_error *err)
{
	const char *which = config_get(p->cfg, p->board, "build.dtbs");
	_free_ char *dts = strf("arch/%s/boot/dts", tree_make_arch(p->tree->arch));
	_contents_ struct contents found = {0};
	size_t n = 0;
	int r = PACK_BY_MAKEFILE;

	if (!which || !*which || strcmp(which, "no") == 0)
		return 0;
	if (!dts)
		return pack_no_memory(err);
	if (!p->full)
		r = by_list(p, dts, &found, err);
	if (r == PACK_BY_MAKEFILE)
		r = by_makefile(p, dts, &found, err);
	if (r == 0)
		r = move_dtbs(p, &found, which, &n, err);
	if (r == 0 && n == 0)
		return kf_err(err, -ENOENT, KF_REASON_CONFIG,
			      "no device tree that was built matches build.dtbs = %s",
			      which);
	return r;
}
