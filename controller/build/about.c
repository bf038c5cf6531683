/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/build/about.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/kconfig/kconf.h"
#include "controller/kernel/pack/modlist.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define MAX_MAKEFILE (4u << 20)
#define MAX_ORDER    (8u << 20)

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

void about_fini(struct about *a)
{
	free(a->name);
	free(a->release);
	free(a->image);
	*a = (struct about){0};
}

/* "NAME = Baby Opossum Posse" */
static char *read_name(const struct tree *t)
{
	_free_ char *path = strf("%s/Makefile", t->src);
	_buf_ struct buf b = BUF_INIT;
	const char *text = NULL, *at;

	if (path && fs_read_file(AT_FDCWD, path, MAX_MAKEFILE, &b) == 0)
		text = buf_str(&b);
	at = text ? strstr(text, "\nNAME = ") : NULL;
	if (!at)
		return strdup("");
	at += strlen("\nNAME = ");
	return strndup(at, strcspn(at, "\n"));
}

static int count_configured(const struct tree *t, struct about *a, struct kf_error *err)
{
	_free_ char *path = tree_path(t, ".config");
	_buf_ struct buf text = BUF_INIT;
	_kconf_ struct kconf k = {0};
	int r = path ? kconf_read_file(path, &text, &k, err) : no_memory(err);

	for (size_t i = 0; r == 0 && i < k.n; i++)
		a->configured += strcmp(k.symbols[i].value, "m") == 0;
	return r;
}

static uint64_t size_of(const struct tree *t, const char *rel)
{
	_free_ char *path = tree_path(t, rel);
	struct stat st;

	return path && stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static int count_modules(const struct tree *t, struct about *a, struct kf_error *err)
{
	_free_ char *path = tree_path(t, "modules.order");
	_buf_ struct buf order = BUF_INIT;
	_modlist_ struct modlist list = {0};
	int r = path ? fs_read_file(AT_FDCWD, path, MAX_ORDER, &order) : -ENOMEM;

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = modlist_parse((const char *)buf_data(&order), buf_len(&order), &list);
	if (r < 0)
		return kf_err(err, r, KF_REASON_BUILD, "read %s: %m",
			      path ? path : "modules.order");
	a->has_modules = true;
	for (size_t i = 0; i < list.n; i++) {
		uint64_t size = size_of(t, list.v[i]);

		/* A build that was interrupted has not made all. */
		a->modules += size > 0;
		a->module_bytes += size;
	}
	return 0;
}

int about_tree(const struct tree *t, const struct config *cfg, const char *board,
	       struct about *ret, struct kf_error *err)
{
	_about_ struct about a = {.name = read_name(t)};
	struct kf_error no_image = {0};
	struct stat st;
	int r = a.name ? tree_check_config(t, err) : no_memory(err);

	if (r == 0)
		r = tree_release(t, &a.release, err);
	if (r == 0)
		r = count_configured(t, &a, err);
	if (r == 0)
		r = count_modules(t, &a, err);
	if (r < 0)
		return r;
	r = tree_image(t, cfg, board, &a.image, &no_image);
	if (r == 0 && stat(a.image, &st) == 0)
		a.image_bytes = (uint64_t)st.st_size;
	if (r < 0 && r != -ENOENT) {
		*err = no_image;
		return r;
	}
	*ret = a;
	a = (struct about){0};
	return 0;
}
