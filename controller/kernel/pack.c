/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel from a tree.  The tree's own makefile installs modules and device trees into a
 * staging directory in the cache, which is emptied first: what an earlier or interrupted
 * run left must not get into this package.  A lock keeps a second kferry out of it for as
 * long as the kernel is in use.
 */
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "controller/cancel.h"
#include "controller/kernel/contents.h"
#include "controller/kernel/image.h"
#include "controller/kernel/modules.h"
#include "controller/kernel/origin.h"
#include "controller/kernel/tree.h"
#include "controller/strf.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define INSTALL_TIMEOUT_MS 1800000 /* thousands of modules, signed and compressed */
#define LOCK_WAIT_MS	   600000  /* another kferry pushes from this directory */
#define MAX_CONFIG	   (4u << 20)

struct pack {
	const struct config *cfg;
	struct ui *ui;
	const char *board;
	struct tree *tree;
	char *stage;
	struct contents contents;
	struct kernel *k;
};

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

static int take_lock(struct pack *p, struct kf_error *err)
{
	deadline_ms deadline = deadline_in(LOCK_WAIT_MS);
	_free_ char *path = NULL;
	int fd;

	path = strf("%s/lock", p->tree->cache);
	if (!path)
		return no_memory(err);
	fd = fs_open_beneath(AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return kf_err(err, fd, KF_REASON_IO, "open %s: %m", path);
	p->k->lock_fd = fd;
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		struct timespec ts = {.tv_nsec = 100 * 1000 * 1000};

		if (errno != EWOULDBLOCK && errno != EINTR)
			return kf_err(err, -errno, KF_REASON_IO, "lock %s: %m", path);
		if (atomic_load(cancel_flag()))
			return kf_err(err, -ECANCELED, KF_REASON_CANCELLED,
				      "packing was cancelled");
		if (deadline_left(deadline) == 0)
			return kf_err(
				err, -ETIMEDOUT, KF_REASON_TIMEOUT,
				"another kferry has been using the files packed from "
				"%s for 10 minutes: end it, or use another object "
				"directory (build.output)",
				p->tree->obj);
		ui_progress(p->ui, "pack", NULL, 0, 0,
			    "waiting for another kferry that packs this tree");
		nanosleep(&ts, NULL);
	}
	return 0;
}

static int empty_stage(struct pack *p, struct kf_error *err)
{
	int r;

	p->stage = strf("%s/stage", p->tree->cache);
	if (!p->stage)
		return no_memory(err);
	r = fs_remove_tree(AT_FDCWD, p->stage);
	if (r == 0)
		r = fs_mkdirs(AT_FDCWD, p->stage);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "empty the staging directory %s: %m",
			      p->stage);
	return 0;
}

/* The board's view of the kernel must come from the very bytes that boot. */
static int add_image(struct pack *p, struct kf_error *err)
{
	struct manifest *m = &p->k->manifest;
	_image_info_ struct image_info image = {0}, elf = {0};
	_free_ char *path = NULL;
	_free_ char *vmlinux = tree_path(p->tree, "vmlinux");
	int r = tree_image(p->tree, p->cfg, p->board, &path, err);

	if (r < 0)
		return r;
	r = image_read(path, &image, err);
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
		r = image_read(vmlinux, &elf, err);
		if (r < 0)
			return r;
	}
	if (image.build_id[0] || elf.build_id[0])
		m->build_id = strdup(image.build_id[0] ? image.build_id : elf.build_id);
	m->banner = image.banner ? TAKE_PTR(image.banner) : TAKE_PTR(elf.banner);
	m->image = strdup("boot/image");
	if (!m->image)
		return no_memory(err);
	return contents_add(&p->contents, "boot/image", path, err);
}

static int add_config(struct pack *p, struct kf_error *err)
{
	struct manifest *m = &p->k->manifest;
	_free_ char *config = tree_path(p->tree, ".config");
	_free_ char *map = tree_path(p->tree, "System.map");
	_buf_ struct buf text = BUF_INIT;
	int r;

	if (!config || !map)
		return no_memory(err);
	r = fs_read_file(AT_FDCWD, config, MAX_CONFIG, &text);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "read %s: %m", config);
	digest_bytes(buf_data(&text), buf_len(&text), &m->config_digest);
	m->has_config_digest = true;
	r = contents_add(&p->contents, "boot/config", config, err);
	if (r == 0 && fs_exists(AT_FDCWD, map))
		r = contents_add(&p->contents, "boot/System.map", map, err);
	return r;
}

static int add_modules(struct pack *p, struct kf_error *err)
{
	const char *release = p->k->manifest.release;
	_free_ char *where = NULL;
	_free_ char *dir = NULL;
	_free_ char *prefix = NULL;
	const char *words[] = {"-s", "modules_install", "DEPMOD=true", NULL, NULL, NULL};
	_buf_ struct buf out = {.max = 1u << 20};
	int r;

	if (!tree_config_is_set(p->tree, "CONFIG_MODULES"))
		return 0;
	where = strf("INSTALL_MOD_PATH=%s", p->stage);
	dir = strf("%s/lib/modules/%s", p->stage, release);
	prefix = strf("modules/%s", release);
	if (!where || !dir || !prefix)
		return no_memory(err);
	words[3] = where;
	if (config_bool(p->cfg, p->board, "kernel.strip"))
		words[4] = "INSTALL_MOD_STRIP=1";
	ui_progress(p->ui, "pack", NULL, 0, 0, "installing modules");
	r = tree_make(p->tree, words, INSTALL_TIMEOUT_MS, &out, err);
	if (r < 0)
		return kf_err_wrap(err, "install the modules of %s (are they built?)",
				   p->tree->obj);
	r = modules_depmod(p->stage, release, err);
	if (r < 0)
		return r;
	return contents_add_tree(&p->contents, dir, prefix, NULL, err);
}

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

static int add_dtbs(struct pack *p, struct kf_error *err)
{
	const char *which = config_get(p->cfg, p->board, "build.dtbs");
	_contents_ struct contents found = {0};
	_free_ char *where = NULL;
	_free_ char *dir = NULL;
	const char *words[] = {"-s", "dtbs_install", NULL, NULL};
	_buf_ struct buf out = {.max = 1u << 20};
	size_t n = 0;
	int r;

	if (!which || !*which || strcmp(which, "no") == 0)
		return 0;
	dir = strf("%s/dtbs", p->stage);
	where = strf("INSTALL_DTBS_PATH=%s/dtbs", p->stage);
	if (!dir || !where)
		return no_memory(err);
	words[2] = where;
	ui_progress(p->ui, "pack", NULL, 0, 0, "installing device trees");
	r = tree_make(p->tree, words, INSTALL_TIMEOUT_MS, &out, err);
	if (r < 0)
		return kf_err_wrap(err,
				   "install the device trees of %s (are they built?)",
				   p->tree->obj);
	r = contents_add_tree(&found, dir, "dtbs", NULL, err);
	if (r == 0)
		r = move_dtbs(p, &found, which, &n, err);
	if (r == 0 && n == 0)
		return kf_err(err, -ENOENT, KF_REASON_CONFIG,
			      "no device tree that was built matches build.dtbs = %s",
			      which);
	return r;
}

static int pack(struct pack *p, struct kf_error *err)
{
	struct manifest *m = &p->k->manifest;
	int r = tree_open(p->cfg, p->board, &p->tree, err);

	if (r == 0)
		r = tree_check_config(p->tree, err);
	if (r == 0)
		r = take_lock(p, err);
	if (r == 0)
		r = empty_stage(p, err);
	if (r == 0)
		r = tree_release(p->tree, &m->release, err);
	if (r < 0)
		return r;
	m->arch = strdup(p->tree->arch);
	if (!m->arch || origin_fill(p->tree->src, m) < 0)
		return no_memory(err);
	r = add_image(p, err);
	if (r == 0)
		r = add_config(p, err);
	if (r == 0)
		r = add_modules(p, err);
	if (r == 0)
		r = add_dtbs(p, err);
	if (r < 0)
		return r;
	ui_progress(p->ui, "pack", NULL, 0, 0, "digesting");
	return contents_seal(&p->contents, p->k, err);
}

int kernel_from_tree(const struct config *cfg, struct ui *ui, const char *board,
		     struct kernel **ret, struct kf_error *err)
{
	struct pack p = {.cfg = cfg, .ui = ui, .board = board};
	int r = kernel_new(&p.k, err);

	if (r == 0)
		r = pack(&p, err);
	contents_fini(&p.contents);
	tree_free(p.tree);
	free(p.stage);
	if (r < 0) {
		kernel_free(p.k);
		return r;
	}
	*ret = p.k;
	return 0;
}
