// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry kconfig diff: what leads from one configuration to another. */
#include <fcntl.h>
#include <string.h>

#include "controller/cancel.h"
#include "controller/cmd/cmd_kconfig.h"
#include "controller/kconfig/store.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/base/proc.h"
#include "proto/reason.h"

#define SCRIPT_MS 30000

/* One side: a file, or what is saved under that name. */
struct side {
	char *path;
	struct buf text;
	struct kconf k;
};

static void side_fini(struct side *s)
{
	free(s->path);
	buf_fini(&s->text);
	kconf_fini(&s->k);
}

/* A name of the store comes before a file's; "./NAME" is the file. */
static int open_side(struct cmd_env *env, const char *word, struct side *s,
		     struct kf_error *err)
{
	_free_ char *dir = kconfig_store(env);
	int r;

	if (!dir)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (shelf_has(dir, word)) {
		s->path = store_path(dir, word);
		r = store_get(dir, word, &s->text, err);
		return r < 0 ? r
			     : kconf_parse(buf_data(&s->text), buf_len(&s->text), word,
					   &s->k, err);
	}
	s->path = strdup(word);
	r = kconf_read_file(word, &s->text, &s->k, err);
	if (r == -ENOENT)
		return kf_err(err, r, KF_REASON_NOT_FOUND,
			      "%s is no file, and no configuration of `kferry kconfig "
			      "list`",
			      word);
	return r;
}

static int tell(void *arg, const char *name, const char *from, const char *to)
{
	struct ui *ui = arg;

	if (!to)
		ui_out(ui, "-%s %s\n", name, from);
	else if (!from)
		ui_out(ui, "+%s %s\n", name, to);
	else
		ui_out(ui, " %s %s -> %s\n", name, from, to);
	ui_json(ui, json_pack("{s:s, s:s, s:s*, s:s*}", "event", "kconfig-diff", "symbol",
			      name, "from", from, "to", to));
	return 0;
}

/* The tree's own script, where there is one.  False: it did not do it. */
static bool by_script(struct cmd_env *env, const char *src, const struct side *a,
		      const struct side *b)
{
	_free_ char *script = src ? strf("%s/scripts/diffconfig", src) : NULL;
	const char *const argv[] = {"python3", script, a->path, b->path, NULL};
	_buf_ struct buf out = {.max = 4 * KCONF_MAX}, said = {.max = 64 * 1024};
	struct proc_opts opts = {
		.inherit_env = true,
		.timeout_ms = SCRIPT_MS,
		.cancel = cancel_flag(),
		.out = &out,
		.err_out = &said,
	};

	if (!script || ui_is_json(env->ui) || !fs_exists(AT_FDCWD, script) || !a->path ||
	    !b->path || proc_check(argv, &opts, NULL) < 0 || !buf_str(&out))
		return false;
	ui_out(env->ui, "%s", buf_str(&out));
	return true;
}

/* The words that stand for what was not named: the tree's .config, and the one that
 * kconfig kept before it. */
static int fill_in(struct cmd_env *env, const struct kconfig_args *a, char *words[2],
		   char **ret_src)
{
	struct tree *t = NULL;
	const char *board;
	int r;

	if (a->n_words == 2)
		return 0;
	r = kconfig_tree(env, &board, &t);
	if (r)
		return r;
	if (a->n_words == 0)
		words[0] = tree_path(t, ".config.old");
	words[1] = tree_path(t, ".config");
	*ret_src = strdup(t->src);
	tree_free(t);
	return 0;
}

int kconfig_diff(struct cmd_env *env, const struct kconfig_args *a)
{
	_cleanup_(side_fini) struct side x = {0}, y = {0};
	_free_ char *old = NULL, *now = NULL, *src = NULL, *obj = NULL;
	char *words[2] = {NULL, NULL};
	struct kf_error err = {0};
	int r = fill_in(env, a, words, &src);

	old = words[0];
	now = words[1];
	if (r)
		return r;
	if (!src && tree_find(".", &src, &obj) < 0)
		src = NULL;
	if (open_side(env, a->n_words >= 1 ? a->words[0] : old, &x, &err) < 0 ||
	    open_side(env, a->n_words == 2 ? a->words[1] : now, &y, &err) < 0)
		return cmd_fail(env, NULL, &err);
	if (!by_script(env, src, &x, &y))
		r = kconf_diff(&x.k, &y.k, tell, env->ui);
	return r < 0 ? STATUS_ERROR : STATUS_PASS;
}
