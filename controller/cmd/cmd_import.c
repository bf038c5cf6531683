// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry import: the configuration of another tool becomes kferry's. */
#include <getopt.h>
#include <string.h>

#include "controller/cmd/cmd.h"
#include "controller/import/kwplan.h"
#include "controller/strf.h"
#include "proto/reason.h"

static const char *kind_name(enum kwplan_kind kind)
{
	switch (kind) {
	case KWPLAN_SET:
		return "set";
	case KWPLAN_ENV:
		return "env";
	case KWPLAN_USE:
		return "use";
	case KWPLAN_KCONFIG:
		return "kconfig";
	default:
		return "nothing";
	}
}

static const char *layer_name(const struct kwplan_item *i)
{
	return i->layer == CONFIG_USER	 ? "user"
	       : i->layer == CONFIG_TREE ? "tree"
					 : "env";
}

/* What comes of it, in words; the caller's. */
static char *outcome(const struct kwplan_item *i)
{
	switch (i->kind) {
	case KWPLAN_SET:
		return strf("%s = %s (%s%s%s)", i->key, i->value,
			    i->board ? "board "
			    : i->env ? "environment "
				     : layer_name(i),
			    i->board ? i->board
			    : i->env ? i->env
				     : "",
			    i->board && i->layer == CONFIG_TREE ? ", tree" : "");
	case KWPLAN_ENV:
		return strf("environment %s%s%s", i->env, i->value ? ", objects in " : "",
			    i->value ? i->value : "");
	case KWPLAN_USE:
		return strf("environment %s is in use", i->env);
	case KWPLAN_KCONFIG:
		return strf("kernel configuration %s", i->key);
	default:
		return strf("nothing: %s", i->why);
	}
}

static void show(struct ui *ui, const struct kwplan_item *i)
{
	_free_ char *text = outcome(i);

	ui_out(ui, "%s\n    %s\n      -> %s\n", i->from, *i->kw ? i->kw : "(the file)",
	       text ? text : "");
	ui_json(ui, json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s*, s:s*, s:s*, s:s*}",
			      "event", "import", "from", i->from, "kw", i->kw, "does",
			      kind_name(i->kind), "layer",
			      i->kind == KWPLAN_NOTHING ? NULL : layer_name(i), "board",
			      i->board, "env", i->env, "key",
			      i->kind == KWPLAN_NOTHING ? NULL : i->key, "value",
			      i->kind == KWPLAN_NOTHING ? i->why : i->value));
}

static size_t count(const struct kwplan *p, bool nothing)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += (p->v[i].kind == KWPLAN_NOTHING) == nothing;
	return n;
}

/* Below where XDG says; the caller's. */
static char *place(const char *variable, const char *below_home, const char *rest)
{
	const char *dir = getenv(variable), *home = getenv("HOME");

	if (dir && *dir == '/')
		return strf("%s/%s", dir, rest);
	return strf("%s/%s/%s", home ? home : "", below_home, rest);
}

static int import_kw(struct cmd_env *env, bool dry_run, bool force)
{
	_free_ char *user = place("XDG_CONFIG_HOME", ".config", "kw");
	_free_ char *store = place("XDG_DATA_HOME", ".local/share", "kw/configs");
	_free_ char *output = place("XDG_CACHE_HOME", ".cache", "kw/envs");
	const char *tree = config_tree(env->cfg);
	struct kwplan_places places = {user, *tree ? tree : NULL, store, output};
	_kwplan_ struct kwplan p = {0};
	struct kf_error err = {0};

	if (!user || !store || !output)
		return STATUS_ERROR;
	if (kwplan_make(&places, &p, &err) < 0)
		return cmd_fail(env, NULL, &err);
	if (!p.files) {
		kf_err(&err, -ENOENT, KF_REASON_NOT_FOUND,
		       "kw has no configuration: there is nothing of it in %s%s%s", user,
		       *tree ? ", nor in .kw of " : "", tree);
		return cmd_fail(env, NULL, &err);
	}
	if (!dry_run && kwplan_apply(&p, force, &err) < 0)
		return cmd_fail(env, NULL, &err);
	for (size_t i = 0; i < p.n; i++)
		show(env->ui, &p.v[i]);
	ui_note(env->ui, "%zu of kw's settings %s; %zu have no counterpart",
		count(&p, false), dry_run ? "would be taken" : "were taken",
		count(&p, true));
	return STATUS_PASS;
}

int cmd_import(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {
		{"dry-run", no_argument, NULL, 'n'},
		{"force", no_argument, NULL, 'f'},
		{0},
	};
	bool dry_run = false, force = false;
	int c;

	while ((c = getopt_long(argc, argv, ":nf", options, NULL)) != -1) {
		if (c == 'n')
			dry_run = true;
		else if (c == 'f')
			force = true;
		else
			return cmd_bad_option(env, "import", argv);
	}
	if (argc - optind != 1 || strcmp(argv[optind], "kw") != 0)
		return cmd_usage(env, "import", "what of? kw is what it knows");
	return import_kw(env, dry_run, force);
}
