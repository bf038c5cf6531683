/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers that cost: make takes seconds for its release and its image's name, and a
 * compressed image has to be unpacked to be read.  Each is remembered with what it
 * depends on.
 *
 * Of a release, that is the top makefile, the configuration, localversion files, where
 * git's HEAD is, and the words that make gets; and it is remembered only if it is what
 * the last build wrote down (include/config/kernel.release).  Whether git's work tree is
 * dirty may have changed since that build: then the answer is still the release of what
 * was built, which is what is packed, and which the image is held against.
 */
#include <fcntl.h>
#include <glob.h>
#include <string.h>

#include "controller/kernel/image.h"
#include "controller/kernel/pack/pack_internal.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/text.h"

static int key_words(struct pack *p, struct packkey *k)
{
	static const char *const none[] = {NULL};
	static const char *const env[] = {"LOCALVERSION",  "KERNELRELEASE",
					  "KBUILD_IMAGE",  "LLVM",
					  "CROSS_COMPILE", "KCONFIG_CONFIG"};
	_free_ char **argv = tree_argv(p->tree, none);

	if (!argv)
		return -ENOMEM;
	for (char **w = argv; *w; w++)
		packkey_text(k, *w);
	for (size_t i = 0; i < ARRAY_SIZE(env); i++)
		packkey_text(k, getenv(env[i]));
	return 0;
}

static int key_files(struct packkey *k, const char *dir, const char *const names[])
{
	for (size_t i = 0; names[i]; i++) {
		_free_ char *path = strf("%s/%s", dir, names[i]);

		if (!path)
			return -ENOMEM;
		packkey_stamp(k, path);
	}
	return 0;
}

static int key_localversions(struct packkey *k, const char *dir)
{
	_free_ char *pattern = strf("%s/localversion*", dir);
	glob_t g;
	int r = pattern ? glob(pattern, 0, NULL, &g) : GLOB_NOSPACE;

	for (size_t i = 0; r == 0 && i < g.gl_pathc; i++)
		packkey_stamp(k, g.gl_pathv[i]);
	if (r == 0)
		globfree(&g);
	return r == GLOB_NOSPACE ? -ENOMEM : 0;
}

/* HEAD's log grows with each commit, checkout and reset. */
static int key_git(struct packkey *k, const char *src)
{
	static const char *const names[] = {"HEAD", "logs/HEAD", "packed-refs", NULL};
	_free_ char *git = strf("%s/.git", src);
	_free_ char *line = NULL;
	const char *dir = git;

	if (!git)
		return -ENOMEM;
	/* A linked work tree: "gitdir: /where". */
	if (fs_read_line(AT_FDCWD, git, &line) == 0 && strncmp(line, "gitdir: ", 8) == 0)
		dir = line + 8;
	return key_files(k, dir, names);
}

/* What the last build wrote down; NULL: it did not. */
static char *built_release(struct pack *p)
{
	_free_ char *path = tree_path(p->tree, "include/config/kernel.release");
	char *line = NULL;

	if (!path || fs_read_line(AT_FDCWD, path, &line) < 0)
		return NULL;
	return line;
}

static int release_key(struct pack *p, struct packkey *k)
{
	static const char *const of_src[] = {"Makefile", "scripts/setlocalversion",
					     ".scmversion", NULL};
	static const char *const of_obj[] = {".config", "include/config/auto.conf",
					     "include/config/kernel.release", NULL};
	int r;

	packkey_init(k, p->cache);
	r = key_words(p, k);
	if (r == 0)
		r = key_files(k, p->tree->src, of_src);
	if (r == 0)
		r = key_files(k, p->tree->obj, of_obj);
	if (r == 0)
		r = key_localversions(k, p->tree->src);
	if (r == 0 && strcmp(p->tree->src, p->tree->obj) != 0)
		r = key_localversions(k, p->tree->obj);
	if (r == 0)
		r = key_git(k, p->tree->src);
	return r;
}

int packasked_release(struct pack *p, char **ret, struct kf_error *err)
{
	_free_ char *built = built_release(p);
	struct packkey k;
	struct digest key;
	const char *was;
	int r = release_key(p, &k);

	if (r < 0)
		return pack_no_memory(err);
	digest_final(&k.ctx, &key);
	was = packcache_memo(p->cache, "release", &key);
	if (was && built && strcmp(was, built) == 0) {
		*ret = TAKE_PTR(built);
		return 0;
	}
	r = tree_release(p->tree, ret, err);
	if (r == 0 && !k.young && built && strcmp(built, *ret) == 0 &&
	    packcache_set_memo(p->cache, "release", &key, built) < 0)
		return pack_no_memory(err);
	return r;
}

static int image_key(struct pack *p, struct packkey *k)
{
	const char *arch = tree_make_arch(p->tree->arch);
	_free_ char *makefile = strf("arch/%s/Makefile", arch);
	_free_ char *boot = strf("arch/%s/boot/Makefile", arch);
	const char *const of_src[] = {"Makefile", makefile, boot, NULL};
	static const char *const of_obj[] = {"include/config/auto.conf", NULL};
	int r = makefile && boot ? 0 : -ENOMEM;

	packkey_init(k, p->cache);
	if (r == 0)
		r = key_words(p, k);
	if (r == 0)
		r = key_files(k, p->tree->src, of_src);
	if (r == 0)
		r = key_files(k, p->tree->obj, of_obj);
	return r;
}

/* The name is below the object directory, or it is not remembered. */
int packasked_image(struct pack *p, char **ret_path, struct kf_error *err)
{
	const char *want = config_get(p->cfg, p->board, "build.image");
	size_t n = strlen(p->tree->obj);
	struct packkey k;
	struct digest key;
	const char *was;
	int r;

	if (want && *want)
		return tree_image(p->tree, p->cfg, p->board, ret_path, err);
	if (image_key(p, &k) < 0)
		return pack_no_memory(err);
	digest_final(&k.ctx, &key);
	was = packcache_memo(p->cache, "image-name", &key);
	if (was) {
		_free_ char *path = tree_path(p->tree, was);

		if (path && fs_exists(AT_FDCWD, path)) {
			*ret_path = TAKE_PTR(path);
			return 0;
		}
	}
	r = tree_image(p->tree, p->cfg, p->board, ret_path, err);
	if (r == 0 && !k.young && strncmp(*ret_path, p->tree->obj, n) == 0 &&
	    (*ret_path)[n] == '/' &&
	    packcache_set_memo(p->cache, "image-name", &key, *ret_path + n + 1) < 0)
		return pack_no_memory(err);
	return r;
}

/* "BUILD-ID|- RELEASE|- BANNER" */
static bool recall(const char *text, struct image_info *ret)
{
	const char *release = strchr(text, ' ');
	const char *banner = release ? strchr(release + 1, ' ') : NULL;
	size_t n_id = release ? (size_t)(release - text) : 0;
	size_t n_release = banner ? (size_t)(banner - release - 1) : 0;

	if (!banner || n_id >= sizeof(ret->build_id) || n_release >= sizeof(ret->release))
		return false;
	if (strncmp(text, "- ", 2) != 0)
		memcpy(ret->build_id, text, n_id);
	if (strncmp(release, " - ", 3) != 0)
		memcpy(ret->release, release + 1, n_release);
	ret->banner = banner[1] ? strdup(banner + 1) : NULL;
	return !banner[1] || ret->banner;
}

int packasked_read(struct pack *p, const char *name, const char *path,
		   struct image_info *ret, struct kf_error *err)
{
	_free_ char *text = NULL;
	struct packkey k;
	struct digest key;
	const char *was;
	int r;

	packkey_init(&k, p->cache);
	packkey_stamp(&k, path);
	digest_final(&k.ctx, &key);
	was = packcache_memo(p->cache, name, &key);
	if (was && recall(was, ret))
		return 0;
	r = image_read(path, ret, err);
	if (r < 0 || k.young)
		return r;
	text = strf("%s %s %s", ret->build_id[0] ? ret->build_id : "-",
		    ret->release[0] ? ret->release : "-", ret->banner ? ret->banner : "");
	if (!text || packcache_set_memo(p->cache, name, &key, text) < 0)
		return pack_no_memory(err);
	return 0;
}
