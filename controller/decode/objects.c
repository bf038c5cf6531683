/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/decode/objects.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "controller/kernel/image.h"
#include "controller/kernel/tree.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define ORDER_MAX (4u << 20)

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

void objects_fini(struct objects *o)
{
	free(o->vmlinux);
	free(o->obj);
	free(o->src);
	resolve_tools_fini(&o->tools);
	*o = (struct objects){0};
}

/* --- the kernel ----------------------------------------------------------------------
 */

/* 0; else err says why it is not the one.  The file is mapped: of a vmlinux with debug
 * information little is read. */
static int check(const char *path, const struct decode_of *of, struct kf_error *err)
{
	_image_info_ struct image_info info = {0};
	int rc = image_read(path, &info, err);

	if (rc < 0)
		return rc;
	if (of->build_id && strcmp(info.build_id, of->build_id) != 0)
		return kf_err(err, -ESTALE, KF_REASON_NOT_FOUND,
			      "%s is another kernel's: its build-id is %.16s, and not "
			      "%.16s",
			      path, *info.build_id ? info.build_id : "not there",
			      of->build_id);
	if (of->banner && (info.banner || !of->build_id) &&
	    (!info.banner || strcmp(info.banner, of->banner) != 0))
		return kf_err(err, -ESTALE, KF_REASON_NOT_FOUND,
			      "%s is another kernel's than the log is of: \"%.100s\"",
			      path, info.banner ? info.banner : info.release);
	return 0;
}

/* One of the places; the first reason why none will do is kept. */
static bool try(struct objects *o, char *path, const struct decode_of *of,
		struct kf_error *err)
{
	struct kf_error why = {0};

	if (o->vmlinux || !path || !fs_exists(AT_FDCWD, path)) {
		free(path);
		return o->vmlinux != NULL;
	}
	if (check(path, of, &why) == 0) {
		o->vmlinux = path;
		return true;
	}
	if (!err->code)
		*err = why;
	free(path);
	return false;
}

static int from_tree(struct objects *o, const struct decode_of *of, struct kf_error *err)
{
	struct kf_error inner = {0};
	struct tree *t = NULL;
	int rc = tree_open(of->cfg, of->board, &t, &inner);

	/* No tree is no error: it may be installed. */
	if (rc < 0)
		return 0;
	if (!of->vmlinux && try(o, tree_path(t, "vmlinux"), of, err)) {
		o->obj = strdup(t->obj);
		o->src = strdup(t->src);
		rc = o->obj && o->src ? 0 : no_memory(err);
	}
	if (rc == 0)
		rc = resolve_tools(t->cross, t->llvm, &o->tools, err);
	tree_free(t);
	return rc;
}

static void installed(struct objects *o, const struct decode_of *of, struct kf_error *err)
{
	if (!of->release || !text_is_release(of->release))
		return;
	try(o, strf("/usr/lib/debug/boot/vmlinux-%s", of->release), of, err);
	try(o, strf("/usr/lib/debug/lib/modules/%s/vmlinux", of->release), of, err);
	try(o, strf("/lib/modules/%s/build/vmlinux", of->release), of, err);
}

/* Modules are looked for where a vmlinux of a tree lies. */
static int given(struct objects *o, const struct decode_of *of, struct kf_error *err)
{
	char *slash;

	if (!fs_exists(AT_FDCWD, of->vmlinux))
		return kf_err(err, -ENOENT, KF_REASON_NOT_FOUND, "there is no file %s",
			      of->vmlinux);
	if (!try(o, realpath(of->vmlinux, NULL), of, err))
		return err->code;
	slash = strrchr(o->vmlinux, '/');
	free(o->obj);
	o->obj = strndup(o->vmlinux, slash ? (size_t)(slash - o->vmlinux) : 0);
	return o->obj ? 0 : no_memory(err);
}

static int find(struct objects *o, const struct decode_of *of, struct kf_error *err)
{
	struct kf_error why = {0};
	int rc;

	if (of->banner && !*of->banner)
		return kf_err(err, -ENOENT, KF_REASON_NOT_FOUND,
			      "the log is of several kernels");
	if (!of->build_id && !of->banner)
		return kf_err(err, -ENOENT, KF_REASON_NOT_FOUND,
			      "which kernel the log is of is not told: it has no line "
			      "\"Linux version\"");
	if (of->vmlinux) {
		rc = given(o, of, err);
		if (rc < 0)
			return rc;
	}
	rc = from_tree(o, of, &why);
	if (rc < 0) {
		*err = why;
		return rc;
	}
	installed(o, of, &why);
	if (!o->vmlinux && !why.code)
		kf_err(&why, -ENOENT, KF_REASON_NOT_FOUND,
		       "there is no vmlinux of it: go into the tree that it was built "
		       "in, "
		       "or name the file (--vmlinux)");
	if (!o->vmlinux)
		*err = why;
	return o->vmlinux ? 0 : why.code;
}

int objects_find(const struct decode_of *of, struct objects *ret, struct kf_error *err)
{
	struct objects o = {.built_before = of->built_before};
	int rc = find(&o, of, err);

	if (rc == 0 && !o.tools.nm)
		rc = resolve_tools(NULL, NULL, &o.tools, err);
	if (rc == 0 && !o.obj)
		o.obj = strdup("");
	if (rc == 0 && !o.src)
		o.src = strdup("");
	if (rc == 0 && (!o.obj || !o.src))
		rc = no_memory(err);
	if (rc < 0) {
		objects_fini(&o);
		return rc;
	}
	*ret = o;
	return 0;
}

/* --- modules -------------------------------------------------------------------------
 */

/* '-' in a file's name is '_' in the module's. */
static bool is_name(const char *file, size_t file_n, const char *name, size_t n)
{
	if (file_n != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		char a = file[i] == '-' ? '_' : file[i], b = name[i];

		if (a != (b == '-' ? '_' : b))
			return false;
	}
	return true;
}

/* The line of modules.order that is of it, without its suffix. */
static bool find_order(const char *text, const char *name, size_t n, const char **ret,
		       size_t *ret_n)
{
	while (text && *text) {
		size_t line = strcspn(text, "\n"), len = line;
		const char *slash, *base;

		while (len > 0 && text[len - 1] != '.')
			len--;
		len -= len > 0;
		slash = memrchr(text, '/', len);
		base = slash ? slash + 1 : text;
		if (len && is_name(base, (size_t)(text + len - base), name, n)) {
			*ret = text;
			*ret_n = len;
			return true;
		}
		text += line + (text[line] == '\n');
	}
	return false;
}

static int read_build_id(const char *path, char hex[static BUILD_ID_HEX])
{
	_close_ int fd = fs_open_beneath(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	struct stat st;
	void *map;
	int rc;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || st.st_size <= 0)
		return -EBADMSG;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	rc = buildid_from_elf(map, (size_t)st.st_size, hex);
	munmap(map, (size_t)st.st_size);
	return rc;
}

/* By its build-id where the log has it, else by when it was built. */
static int check_module(const struct objects *o, const char *path, const char *build_id,
			size_t n)
{
	char hex[BUILD_ID_HEX];
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (build_id)
		return read_build_id(path, hex) == 0 && strlen(hex) == n &&
				       memcmp(hex, build_id, n) == 0
			       ? 0
			       : -ESTALE;
	return o->built_before && st.st_mtime <= o->built_before ? 0 : -ESTALE;
}

int objects_module(const struct objects *o, const char *name, size_t name_n,
		   const char *build_id, size_t n, char **ret)
{
	_buf_ struct buf order = {.max = ORDER_MAX};
	_free_ char *list = strf("%s/modules.order", o->obj);
	_free_ char *path = NULL;
	const char *at;
	size_t len;
	int rc;

	if (!*o->obj)
		return -ENOENT;
	if (!list)
		return -ENOMEM;
	rc = fs_read_file(AT_FDCWD, list, ORDER_MAX, &order);
	if (rc < 0)
		return rc;
	if (buf_len(&order) == 0 ||
	    !find_order(buf_str(&order), name, name_n, &at, &len) ||
	    !text_is_path(at, len))
		return -ENOENT;
	path = strf("%s/%.*s.ko", o->obj, (int)len, at);
	rc = path ? check_module(o, path, build_id, n) : -ENOMEM;
	if (rc == 0)
		*ret = TAKE_PTR(path);
	return rc;
}

char *objects_short(const struct objects *o, const char *file)
{
	const char *const tops[] = {o->src, o->obj};

	for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
		size_t n = strlen(tops[i]);

		if (n && strncmp(file, tops[i], n) == 0 && file[n] == '/')
			return strdup(file + n + 1);
	}
	while (strncmp(file, "./", 2) == 0)
		file += 2;
	return strdup(file);
}
