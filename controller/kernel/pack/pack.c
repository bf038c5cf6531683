/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel from a tree.  What earlier packs left in the tree's directory of the cache is
 * used (packcache.h); a lock keeps a second kferry out of it for as long as the kernel is
 * in use.
 */
#include <fcntl.h>
#include <string.h>

#include "controller/cancel.h"
#include "controller/kernel/image.h"
#include "controller/kernel/origin.h"
#include "controller/kernel/pack/pack_internal.h"
#include "controller/kernel/treelock.h"
#include "controller/strf.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/text.h"

#define LOCK_WAIT_MS 600000 /* another kferry pushes from this directory */
#define MAX_CONFIG   (4u << 20)
#define LITTLE_SPACE (1u << 20) /* depmod and make do not say that a disk is full */

static int take_lock(struct pack *p, struct kf_error *err)
{
	static const struct treelock_wait wait = {
		"pack", "waiting for another kferry that packs this tree", LOCK_WAIT_MS};
	struct kf_error e;
	int r = treelock_take(p->tree, "lock", p->ui, &wait, &p->k->lock_fd, &e);

	/* What is not in the cache is nobody else's. */
	if (r == -ENOSPC || r == -EDQUOT || r == -EROFS)
		return pack_leave_cache(p, err);
	if (r == -ETIMEDOUT)
		return kf_err(
			err, r, KF_REASON_IO,
			"another kferry has been using the files packed from %s for "
			"10 minutes: end it, or use another object directory "
			"(build.output)",
			p->tree->obj);
	if (r < 0)
		*err = e;
	return r;
}

/* Nobody builds while what was built is read; the files of another build than ours are as
 * good.  Where the cache is full a build has no place for its lock and its log, and does
 * not begin. */
static int keep_builds_out(struct pack *p, struct kf_error *err)
{
	struct kf_error e;
	int r = treelock_build(p->tree, p->ui, "pack",
			       config_ms(p->cfg, p->board, "timeout.build"), &p->build_fd,
			       &e);

	if (r == -ENOSPC || r == -EDQUOT || r == -EROFS)
		return 0;
	if (r < 0)
		*err = e;
	return r;
}

int pack_empty_stage(struct pack *p, struct kf_error *err)
{
	int r = fs_remove_tree(AT_FDCWD, p->stage);

	if (r == 0)
		r = fs_mkdirs(AT_FDCWD, p->stage);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "empty the staging directory %s: %m",
			      p->stage);
	return 0;
}

int pack_leave_cache(struct pack *p, struct kf_error *err)
{
	const char *top = getenv("TMPDIR");
	_free_ char *dir = strf("%s/kferry-XXXXXX", top && *top ? top : "/tmp");

	if (!dir)
		return pack_no_memory(err);
	if (p->temp || !mkdtemp(dir))
		return kf_err(err, -ENOSPC, KF_REASON_SPACE,
			      "the file systems of %s and %s are full: make room on one "
			      "of them",
			      p->tree->cache, top && *top ? top : "/tmp");
	ui_warn(p->ui,
		"%s is full or cannot be written to: packing in %s, and nothing is "
		"kept for the next time",
		p->tree->cache, dir);
	free(p->stage);
	p->temp = p->k->scratch = TAKE_PTR(dir);
	p->temp_root = strf("%s/tree", p->temp);
	p->stage = strf("%s/stage", p->temp);
	p->root = p->temp_root;
	return p->root && p->stage ? 0 : pack_no_memory(err);
}

/* Was it for want of space that this failed?  Programs do not always say. */
static bool was_space(struct pack *p, int r)
{
	_close_ int fd = -1;
	uint64_t left;

	if (r >= 0 || r == -ECANCELED || r == -ESTALE || r == -ENOMEM || p->temp)
		return false;
	if (r == -ENOSPC || r == -EDQUOT || r == -EROFS)
		return true;
	fd = fs_open_dir(AT_FDCWD, p->tree->cache);
	return fd >= 0 && fs_free_bytes(fd, &left) == 0 && left < LITTLE_SPACE;
}

static int read_options(struct pack *p, struct kf_error *err)
{
	static const char *const names[] = {".config", "include/config/auto.conf"};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++) {
		_free_ char *path = tree_path(p->tree, names[i]);

		r = path ? buf_printf(&p->options, "\n") : -ENOMEM;
		if (r == 0)
			r = fs_read_file(AT_FDCWD, path, MAX_CONFIG, &p->options);
		if (r < 0 && r != -ENOENT)
			return kf_err(err, r, KF_REASON_IO, "read %s of %s: %m", names[i],
				      p->tree->obj);
		r = 0;
	}
	return buf_str(&p->options) ? 0 : pack_no_memory(err);
}

bool pack_is_set(struct pack *p, const char *symbol)
{
	const char *at = buf_str(&p->options);
	size_t n = strlen(symbol);

	for (; at && (at = strstr(at, symbol)); at += n) {
		if (at[-1] == '\n' && at[n] == '=' &&
		    (at[n + 1] == 'y' || at[n + 1] == 'm'))
			return true;
	}
	return false;
}

/* The board's view of the kernel must come from the very bytes that boot. */
static int add_image(struct pack *p, struct kf_error *err)
{
	struct manifest *m = &p->k->manifest;
	_image_info_ struct image_info image = {0}, elf = {0};
	_free_ char *path = NULL;
	_free_ char *vmlinux = tree_path(p->tree, "vmlinux");
	int r = packasked_image(p, &path, err);

	if (r < 0)
		return r;
	r = packasked_read(p, "image", path, &image, err);
	if (r < 0)
		return r;
	if (strcmp(image.release, m->release) != 0 && image.release[0])
		return kf_err(
			err, -ESTALE, KF_REASON_NOT_FOUND,
			"%s is of %s, and the tree is %s now: build it again (kferry "
			"build)",
			path, image.release, m->release);
	if ((!image.build_id[0] || !image.banner) && vmlinux &&
	    fs_exists(AT_FDCWD, vmlinux)) {
		r = packasked_read(p, "vmlinux", vmlinux, &elf, err);
		if (r < 0)
			return r;
	}
	if (image.build_id[0] || elf.build_id[0])
		m->build_id = strdup(image.build_id[0] ? image.build_id : elf.build_id);
	m->banner = image.banner ? TAKE_PTR(image.banner) : TAKE_PTR(elf.banner);
	m->image = strdup("boot/image");
	if (!m->image)
		return pack_no_memory(err);
	return contents_add(&p->contents, "boot/image", path, err);
}

static int add_config(struct pack *p, struct kf_error *err)
{
	_free_ char *config = tree_path(p->tree, ".config");
	_free_ char *map = tree_path(p->tree, "System.map");
	int r;

	if (!config || !map)
		return pack_no_memory(err);
	r = contents_add(&p->contents, "boot/config", config, err);
	if (r == 0 && fs_exists(AT_FDCWD, map))
		r = contents_add(&p->contents, "boot/System.map", map, err);
	return r;
}

/* Of an earlier pack, by the other way. */
static int remove_other(struct pack *p, bool by_makefile, struct kf_error *err)
{
	_free_ char *stage = strf("%s/stage", p->tree->cache);
	const char *dir = by_makefile ? p->cache->tree : stage;
	int r = dir ? fs_remove_tree(AT_FDCWD, dir) : -ENOMEM;

	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "remove %s of an earlier pack: %m",
			      dir);
	return 0;
}

static int try_modules(struct pack *p, struct kf_error *err)
{
	_free_ char *why = NULL;
	int r = PACK_BY_MAKEFILE;

	if (!p->full)
		r = packmods_add(p, &why, err);
	if (r == 0)
		return p->temp ? 0 : remove_other(p, false, err);
	if (r < 0)
		return r;
	if (why)
		ui_note(p->ui,
			"the tree's makefile installs all modules each time, because of: "
			"%s",
			why);
	r = p->temp ? 0 : remove_other(p, true, err);
	return r < 0 ? r : packfull_add(p, err);
}

static int add_files(struct pack *p, int (*add)(struct pack *, struct kf_error *),
		     struct kf_error *err)
{
	struct kf_error inner = {0};
	size_t before = p->contents.n;
	int r = add(p, &inner);

	if (was_space(p, r)) {
		contents_cut(&p->contents, before);
		r = pack_leave_cache(p, &inner);
		if (r == 0)
			r = add(p, &inner);
	}
	if (r < 0 && err)
		*err = inner;
	return r;
}

static int open_cache(struct pack *p, struct kf_error *err)
{
	char why[128];
	int r = 0;

	p->full = !config_bool(p->cfg, p->board, "kernel.incremental");
	if (!p->stage)
		p->stage = strf("%s/stage", p->tree->cache);
	if (!p->stage)
		return pack_no_memory(err);
	if (p->full && !p->temp)
		r = packcache_remove(p->tree->cache);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "remove %s/pack: %m", p->tree->cache);
	if (packcache_open(p->tree->cache, !p->full, &p->cache, why) < 0)
		return pack_no_memory(err);
	if (why[0])
		ui_debug(p->ui, "pack: all anew: %s", why);
	if (!p->temp)
		p->root = p->cache->tree;
	return 0;
}

static void keep(struct pack *p)
{
	int r = p->temp ? 0 : packcache_save(p->cache);

	if (r < 0)
		ui_warn(p->ui,
			"%s/index cannot be written (%s): the next pack does all "
			"again",
			p->cache->dir, strerror(-r));
}

static int fill(struct pack *p, struct kf_error *err)
{
	struct manifest *m = &p->k->manifest;
	ssize_t config;
	int r = add_image(p, err);

	if (r == 0)
		r = add_config(p, err);
	if (r == 0 && pack_is_set(p, "CONFIG_MODULES"))
		r = add_files(p, try_modules, err);
	if (r == 0)
		r = add_files(p, packdtbs_add, err);
	if (r < 0)
		return r;
	ui_progress(p->ui, "pack", NULL, 0, 0, "digesting");
	r = packcache_digest(p->cache, &p->contents, err);
	if (r < 0)
		return r;
	for (config = 0; strcmp(p->contents.items[config].path, "boot/config");)
		config++;
	m->config_digest = p->contents.items[config].digest;
	m->has_config_digest = true;
	keep(p);
	origin_finish(TAKE_PTR(p->origin), m);
	r = contents_seal(&p->contents, p->k, err);
	if (r == 0)
		ui_debug(p->ui,
			 "pack: %zu of %zu modules changed, %zu files digested, %lld ms",
			 p->n_changed, p->n_modules, p->cache->read,
			 (long long)(clock_now_ms() - p->began));
	return r;
}

static int pack(struct pack *p, struct kf_error *err)
{
	struct manifest *m = &p->k->manifest;
	int r = tree_open(p->cfg, p->board, &p->tree, err);

	if (r == 0)
		r = tree_check_config(p->tree, err);
	if (r == 0 && origin_start(p->tree->src, &p->origin) < 0)
		r = pack_no_memory(err);
	if (r == 0)
		r = take_lock(p, err);
	if (r == 0)
		r = keep_builds_out(p, err);
	if (r == 0)
		r = open_cache(p, err);
	if (r == 0)
		r = read_options(p, err);
	if (r == 0)
		r = packasked_release(p, &m->release, err);
	if (r < 0)
		return r;
	m->arch = strdup(p->tree->arch);
	if (!m->arch)
		return pack_no_memory(err);
	return fill(p, err);
}

int kernel_from_tree(const struct config *cfg, struct ui *ui, const char *board,
		     struct kernel **ret, struct kf_error *err)
{
	struct pack p = {.cfg = cfg,
			 .ui = ui,
			 .board = board,
			 .build_fd = -1,
			 .began = clock_now_ms()};
	int r = kernel_new(&p.k, err);

	if (r == 0)
		r = pack(&p, err);
	cleanup_close(&p.build_fd);
	origin_finish(p.origin, NULL);
	contents_fini(&p.contents);
	buf_fini(&p.options);
	packcache_free(p.cache);
	tree_free(p.tree);
	free(p.temp_root);
	free(p.stage);
	if (r < 0) {
		kernel_free(p.k);
		return r;
	}
	*ret = p.k;
	return 0;
}
