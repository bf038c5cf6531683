// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry kconfig: a store of kernel configurations, and the .config of the tree. */
#include "controller/cmd/cmd_kconfig.h"

#include <getopt.h>
#include <string.h>
#include <time.h>

#include "controller/kconfig/dotconfig.h"
#include "controller/kconfig/store.h"
#include "controller/strf.h"
#include "proto/reason.h"
#include "proto/text.h"

char *kconfig_store(const struct cmd_env *env)
{
	return strf("%s/" STORE_DIR, config_data_dir(env->cfg));
}

int kconfig_tree(struct cmd_env *env, const char **ret_board, struct tree **ret)
{
	struct kf_error err = {0};

	if (!cmd_build_board(env, "kconfig", ret_board))
		return STATUS_USAGE;
	return tree_open(env->cfg, *ret_board, ret, &err) < 0 ? cmd_fail(env, NULL, &err)
							      : 0;
}

int kconfig_put(struct cmd_env *env, const struct tree *t, const struct kconf *k,
		const struct buf *text, const char *from, bool force,
		struct kf_error *err)
{
	_free_ char *path = tree_path(t, ".config");
	int r = dotconfig_put(t, env->ui, text, force, err);

	if (r < 0)
		return r;
	ui_step(env->ui, "kconfig", NULL, -1,
		json_pack("{s:s, s:s*, s:s, s:s, s:b}", "from", from, "file", path,
			  "release", k->release, "arch", k->arch, "changed", r == 0),
		r ? "%s is %s already" : "%s is %s now", path ? path : ".config", from);
	return 0;
}

const char cmd_kconfig_details[] =
	"  kconfig save NAME     keep the tree's .config under that "
	"name\n"
	"  kconfig list          those that are kept\n"
	"  kconfig get NAME      it becomes the tree's .config\n"
	"  kconfig rm NAME...    forget them\n"
	"  kconfig fetch         that of the board's running kernel: "
	"/proc/config.gz, else\n"
	"                        /boot/config-RELEASE, else the tree's "
	"defconfig\n"
	"  kconfig require       set what kernel.require wants, and say "
	"what did not take\n"
	"  kconfig diff [A] [B]  compare two, names or files; without B: "
	"the tree's .config\n"
	"\n"
	"  -b, --board BOARD       fetch, require: of this board\n"
	"  -d, --description TEXT  save: what it is for\n"
	"  -o, --output FILE       fetch: into a file, as the board has "
	"it; - is standard output\n"
	"  --optimize              fetch: only the modules that the "
	"board "
	"has loaded, and what\n"
	"                          kernel.require wants\n"
	"  -f, --force             save: replace one; get, fetch: "
	"replace "
	"a .config without asking\n"
	"  --names                 list: nothing but names\n"
	"\nA .config that is replaced is kept beside it, as "
	".config.old-kferry-TIME.\n";

static int no_memory(struct cmd_env *env)
{
	struct kf_error err = {0};

	kf_err(&err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	return cmd_fail(env, NULL, &err);
}

static int save(struct cmd_env *env, const struct kconfig_args *a)
{
	_cleanup_(kconf_fini) struct kconf k = {0};
	_buf_ struct buf text = BUF_INIT;
	_free_ char *dir = kconfig_store(env), *path = NULL;
	const char *board, *name = a->words[0];
	struct kf_error err = {0};
	struct tree *t = NULL;
	int r;

	/* What is wrong with the words is told before anything else is. */
	if (shelf_check_name(name, &err) < 0 ||
	    (a->description && store_check_description(a->description, &err) < 0))
		return cmd_fail(env, NULL, &err);
	r = kconfig_tree(env, &board, &t);
	if (r)
		return r;
	path = tree_path(t, ".config");
	r = dir && path ? dotconfig_read(t, &text, &k, &err) : -ENOMEM;
	if (r == 0)
		r = store_save(dir, name, a->description, path, &k, &text, a->force,
			       &err);
	tree_free(t);
	if (r < 0)
		return err.code ? cmd_fail(env, NULL, &err) : no_memory(env);
	ui_step(env->ui, "kconfig", NULL, -1,
		json_pack("{s:s, s:s, s:s, s:s}", "name", name, "from", path, "release",
			  k.release, "arch", k.arch),
		"%s saved as %s", path, name);
	return STATUS_PASS;
}

static int get(struct cmd_env *env, const struct kconfig_args *a)
{
	_cleanup_(kconf_fini) struct kconf k = {0};
	_buf_ struct buf text = BUF_INIT;
	_free_ char *dir = kconfig_store(env);
	const char *board, *name = a->words[0];
	struct kf_error err = {0};
	struct tree *t = NULL;
	int r;

	if (!dir)
		return no_memory(env);
	if (store_get(dir, name, &text, &err) < 0 ||
	    kconf_parse(buf_data(&text), buf_len(&text), name, &k, &err) < 0)
		return cmd_fail(env, NULL, &err);
	r = kconfig_tree(env, &board, &t);
	if (r)
		return r;
	r = dotconfig_arch(t, env->cfg, board, &k, &err);
	if (r == 0)
		r = kconfig_put(env, t, &k, &text, name, a->force, &err);
	tree_free(t);
	return r < 0 ? cmd_fail(env, NULL, &err) : STATUS_PASS;
}

static int rm(struct cmd_env *env, const struct kconfig_args *a)
{
	_free_ char *dir = kconfig_store(env);
	struct kf_error err = {0};

	if (!dir)
		return no_memory(env);
	for (int i = 0; i < a->n_words; i++) {
		if (store_remove(dir, a->words[i], &err) < 0)
			return cmd_fail(env, NULL, &err);
		ui_step(env->ui, "kconfig", NULL, -1,
			json_pack("{s:s}", "name", a->words[i]), "%s removed",
			a->words[i]);
	}
	return STATUS_PASS;
}

static void show_entry(struct cmd_env *env, const struct store_entry *e)
{
	_free_ char *what =
		strf("%s%s%s", e->arch, *e->arch && *e->release ? " " : "", e->release);
	time_t when = (time_t)e->saved;
	char date[32] = "";
	struct tm tm;

	if (localtime_r(&when, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	ui_out(env->ui, "%-20s %-10s %-24s %s\n", e->name, date, what ? what : "",
	       e->description);
	ui_json(env->ui, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "event",
				   "stored-kconfig", "name", e->name, "description",
				   e->description, "arch", e->arch, "release", e->release,
				   "from", e->origin, "saved", (json_int_t)e->saved,
				   "bytes", (json_int_t)e->bytes));
}

static int list(struct cmd_env *env, bool names)
{
	_cleanup_(store_list_fini) struct store_list l = {0};
	_free_ char *dir = kconfig_store(env);
	struct kf_error err = {0};

	if (!dir)
		return no_memory(env);
	if (store_list(dir, &l, &err) < 0)
		return cmd_fail(env, NULL, &err);
	for (size_t i = 0; i < l.n; i++) {
		const struct store_entry *e = &l.entries[i];

		if (e->trouble && !names)
			ui_warn(env->ui, "%s/%s is passed over: %s", dir, e->name,
				e->trouble);
		else if (!e->trouble && names)
			ui_out(env->ui, "%s\n", e->name);
		else if (!e->trouble)
			show_entry(env, e);
	}
	if (l.cut)
		ui_warn(env->ui, "%s has more than %d entries: the others are not shown",
			dir, SHELF_MAX);
	return STATUS_PASS;
}

static int parse(struct cmd_env *env, int argc, char *argv[], struct kconfig_args *ret,
		 bool *ret_names)
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"description", required_argument, NULL, 'd'},
		{"output", required_argument, NULL, 'o'},
		{"force", no_argument, NULL, 'f'},
		{"optimize", no_argument, NULL, 'O'},
		{"names", no_argument, NULL, 'n'}, /* for completions */
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, ":b:d:o:f", options, NULL)) != -1) {
		if (c == 'b')
			env->board = optarg;
		else if (c == 'd')
			ret->description = optarg;
		else if (c == 'o')
			ret->output = optarg;
		else if (c == 'f')
			ret->force = true;
		else if (c == 'O')
			ret->optimize = true;
		else if (c == 'n')
			*ret_names = true;
		else
			return cmd_bad_option(env, argv[0], argv);
	}
	return 0;
}

int cmd_kconfig(struct cmd_env *env, int argc, char *argv[])
{
	struct kconfig_args a = {0};
	bool names = false;
	const char *verb;
	int rc = parse(env, argc, argv, &a, &names);

	if (rc)
		return rc;
	verb = optind < argc ? argv[optind] : "list";
	a.words = argv + optind + 1;
	a.n_words = optind < argc ? argc - optind - 1 : 0;
	if (!strcmp(verb, "save") && a.n_words == 1)
		return save(env, &a);
	if (!strcmp(verb, "get") && a.n_words == 1)
		return get(env, &a);
	if (!strcmp(verb, "rm") && a.n_words >= 1)
		return rm(env, &a);
	if (!strcmp(verb, "list") && a.n_words == 0)
		return list(env, names);
	if (!strcmp(verb, "fetch") && a.n_words == 0)
		return kconfig_fetch(env, &a);
	if (!strcmp(verb, "require") && a.n_words == 0)
		return kconfig_require(env, &a);
	if (!strcmp(verb, "diff") && a.n_words <= 2)
		return kconfig_diff(env, &a);
	return cmd_usage(env, "kconfig",
			 "save NAME, list, get NAME, rm NAME, fetch, require, or diff "
			 "[A] [B]");
}
