/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Modules by the tree's own makefile, into a staging directory that is emptied first:
 * what an earlier or interrupted run left must not get into this package.
 */
#include "controller/kernel/modules.h"
#include "controller/kernel/pack/pack_internal.h"
#include "controller/strf.h"

int packfull_add(struct pack *p, struct kf_error *err)
{
	const char *release = p->k->manifest.release;
	const char *words[] = {"-s", "modules_install", "DEPMOD=true", NULL, NULL, NULL};
	_buf_ struct buf out = {.max = 1u << 20};
	_free_ char *where = NULL;
	_free_ char *dir = NULL;
	_free_ char *prefix = NULL;
	int r = pack_empty_stage(p, err);

	if (r < 0)
		return r;
	where = strf("INSTALL_MOD_PATH=%s", p->stage);
	dir = strf("%s/lib/modules/%s", p->stage, release);
	prefix = strf("modules/%s", release);
	if (!where || !dir || !prefix)
		return pack_no_memory(err);
	words[3] = where;
	if (config_bool(p->cfg, p->board, "kernel.strip"))
		words[4] = "INSTALL_MOD_STRIP=1";
	ui_progress(p->ui, "pack", NULL, 0, 0, "installing modules");
	r = tree_make(p->tree, words, PACK_INSTALL_TIMEOUT_MS, &out, err);
	if (r < 0)
		return kf_err_wrap(err, "install the modules of %s (are they built?)",
				   p->tree->obj);
	ui_progress(p->ui, "pack", NULL, 0, 0, "depmod");
	r = modules_depmod(p->stage, release, err);
	if (r < 0)
		return r;
	return contents_add_tree(&p->contents, dir, prefix, NULL, err);
}
