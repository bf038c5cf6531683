// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry kconfig fetch and require: the configuration a board runs with, and needs. */
#include <fcntl.h>
#include <string.h>

#include "controller/cmd/cmd_kconfig.h"
#include "controller/kconfig/dotconfig.h"
#include "controller/kconfig/fetch.h"
#include "controller/kconfig/merge.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

struct fetch {
	struct cmd_env *env;
	const struct kconfig_args *a;
	const char *board;
	struct tree *t; /* NULL: not needed so far */
	struct buf text, modules;
	size_t n_modules;
	char *from; /* "/proc/config.gz", ... */
};

static int need_tree(struct fetch *f, struct kf_error *err)
{
	return f->t ? 0 : tree_open(f->env->cfg, f->board, &f->t, err);
}

/* What the board tells; its text stays empty when it has none. */
static int ask_board(struct fetch *f, struct kf_error *err)
{
	deadline_ms deadline =
		deadline_in(config_ms(f->env->cfg, f->board, "timeout.install"));
	struct client *c = NULL;
	int r = cmd_connect(f->env, f->board, NULL, &c, err);

	if (r < 0)
		return r;
	r = fetch_config(c, deadline, &f->text, &f->from, err);
	if (r == -ENOENT && !err->code)
		r = 0;
	if (r == 0 && f->a->optimize)
		r = fetch_modules(c, f->board, deadline, &f->modules, &f->n_modules, err);
	client_close(c);
	return r;
}

static int use_defconfig(struct fetch *f, struct kf_error *err)
{
	int r = need_tree(f, err);

	buf_reset(&f->text);
	if (r == 0)
		r = dotconfig_make(f->t, f->env->cfg, f->board, "defconfig", &f->text,
				   err);
	if (r < 0)
		return kf_err_wrap(err, "the board has no /proc/config.gz and no "
					"/boot/config-RELEASE; the tree's defconfig "
					"instead");
	f->from = strdup("defconfig");
	return f->from ? 0 : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

static void tell_misses(struct ui *ui, const struct merge_result *m)
{
	for (size_t i = 0; i < m->n_miss; i++) {
		const struct merge_miss *s = &m->miss[i];

		ui_warn(ui, "%s (%s is wanted)%s%s%s%s", s->why, s->want,
			*s->purpose ? ": " : "", s->purpose, s->cause ? "; " : "",
			s->cause ? s->cause : "");
	}
}

/* The tree's own form of it, with nothing in it that the board does not use. */
static int adapt(struct fetch *f, struct kf_error *err)
{
	_cleanup_(merge_fini) struct merge_result m = {0};
	_kconf_ struct kconf k = {0};
	const struct config *cfg = f->env->cfg;
	int r = kconf_parse(buf_data(&f->text), buf_len(&f->text), f->from, &k, err);

	if (r == 0)
		r = dotconfig_arch(f->t, cfg, f->board, &k, err);
	if (r == 0)
		r = dotconfig_make(f->t, cfg, f->board, "olddefconfig", &f->text, err);
	if (r < 0 || !f->a->optimize)
		return r;
	if (!f->n_modules)
		ui_warn(f->env->ui, "%s has no module loaded: every module is left out",
			f->board);
	r = dotconfig_localmod(f->t, cfg, f->board, &f->modules, &f->text, err);
	if (r == 0)
		r = merge_require(f->t, cfg, f->board, &f->text, &m, err);
	if (r == 0)
		tell_misses(f->env->ui, &m);
	return r;
}

static int write_file(struct fetch *f, const struct kconf *k, struct kf_error *err)
{
	const char *path = f->a->output;
	int r;

	if (!strcmp(path, "-")) {
		ui_out_bytes(f->env->ui, (const char *)buf_data(&f->text),
			     buf_len(&f->text));
		return 0;
	}
	if (!f->a->force && fs_exists(AT_FDCWD, path))
		return kf_err(err, -EEXIST, KF_REASON_EXISTS,
			      "%s is there already; --force replaces it", path);
	r = fs_replace(AT_FDCWD, path, buf_data(&f->text), buf_len(&f->text), 0644);
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "write %s: %m", path);
	ui_step(f->env->ui, "kconfig", f->board, -1,
		json_pack("{s:s, s:s, s:s, s:s, s:b}", "from", f->from, "file", path,
			  "release", k->release, "arch", k->arch, "changed", 1),
		"%s from %s", path, f->from);
	return 0;
}

static int fetch(struct fetch *f, struct kf_error *err)
{
	_kconf_ struct kconf k = {0};
	_free_ char *what = NULL;
	int r = 0;

	if (!f->a->output || f->a->optimize)
		r = need_tree(f, err);
	if (r == 0)
		r = ask_board(f, err);
	if (r == 0 && !f->from)
		r = use_defconfig(f, err);
	if (r == 0 && (!f->a->output || f->a->optimize))
		r = adapt(f, err);
	if (r == 0)
		r = kconf_parse(buf_data(&f->text), buf_len(&f->text), f->from, &k, err);
	if (r < 0)
		return r;
	if (f->a->output)
		return write_file(f, &k, err);
	if (f->a->optimize)
		what = strf("that of %s (%s), for its %zu modules", f->board, f->from,
			    f->n_modules);
	else
		what = strf("that of %s (%s)", f->board, f->from);
	return what ? kconfig_put(f->env, f->t, &k, &f->text, what, f->a->force, err)
		    : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

int kconfig_fetch(struct cmd_env *env, const struct kconfig_args *a)
{
	struct fetch f = {.env = env, .a = a};
	struct kf_error err = {0};
	int r;

	f.board = cmd_board_arg(env, "kconfig", NULL);
	if (!f.board)
		return STATUS_USAGE;
	if (a->output && !strcmp(a->output, "-") && ui_is_json(env->ui))
		return cmd_usage(env, "kconfig", "a configuration is no JSON: -o FILE");
	r = fetch(&f, &err);
	tree_free(f.t);
	buf_fini(&f.text);
	buf_fini(&f.modules);
	free(f.from);
	return r < 0 ? cmd_fail(env, f.board, &err) : STATUS_PASS;
}

static json_t *misses_json(const struct merge_result *m)
{
	json_t *all = json_array();

	for (size_t i = 0; i < m->n_miss; i++)
		json_array_append_new(
			all, json_pack("{s:s, s:s, s:s, s:s*}", "wanted", m->miss[i].want,
				       "why", m->miss[i].why, "purpose",
				       m->miss[i].purpose, "cause", m->miss[i].cause));
	return all;
}

static int require(struct cmd_env *env, const char *board, const struct tree *t,
		   struct merge_result *m, struct kf_error *err)
{
	_kconf_ struct kconf k = {0};
	_buf_ struct buf text = BUF_INIT;
	_free_ char *path = tree_path(t, ".config");
	size_t hold;
	int r = dotconfig_read(t, &text, &k, err);

	if (r == 0)
		r = merge_require(t, env->cfg, board, &text, m, err);
	/* Asked for by name, and with a copy kept: nobody has to consent once more. */
	if (r == 0)
		r = dotconfig_put(t, env->ui, &text, true, err);
	if (r < 0)
		return r;
	tell_misses(env->ui, m);
	hold = m->wanted - m->n_miss;
	ui_step(env->ui, "require", board, -1,
		json_pack("{s:s*, s:b, s:I, s:I, s:o}", "file", path, "changed", r == 0,
			  "wanted", (json_int_t)m->wanted, "held", (json_int_t)hold,
			  "missing", misses_json(m)),
		"%zu of %zu hold (%zu before)%s", hold, m->wanted, m->held,
		r ? "; the .config is as it was" : "");
	return 0;
}

int kconfig_require(struct cmd_env *env, const struct kconfig_args *a)
{
	_cleanup_(merge_fini) struct merge_result m = {0};
	struct kf_error err = {0};
	struct tree *t = NULL;
	const char *board;
	int r = kconfig_tree(env, &board, &t);

	(void)a;
	if (r)
		return r;
	r = require(env, board, t, &m, &err);
	if (r == 0 && m.n_miss)
		r = kf_err(&err, -EINVAL, KF_REASON_CONFIG,
			   "%zu of what kernel.require wants did not take", m.n_miss);
	tree_free(t);
	return r < 0 ? cmd_fail(env, board, &err) : STATUS_PASS;
}
