// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry env: named sets of toolchain, board and object directory, of a kernel tree. */
#include <fcntl.h>
#include <getopt.h>
#include <string.h>

#include "controller/cmd/cmd.h"
#include "controller/env/env.h"
#include "controller/kconfig/kconf.h"
#include "controller/kconfig/store.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

struct args {
	struct env_spec spec;
	const char *kconfig;
};

/* The name of the one in use, or nothing; never an error: it stands in a prompt. */
static int prompt(struct cmd_env *env)
{
	_free_ char *name = NULL;

	if (config_env_here(&name) == 0)
		ui_out(env->ui, "%s\n", name);
	return STATUS_PASS;
}

/* A configuration by its name in the store, else by a file's. */
static int read_kconfig(struct cmd_env *env, const char *word, struct buf *text,
			struct kf_error *err)
{
	_free_ char *dir = strf("%s/" STORE_DIR, config_data_dir(env->cfg));
	_kconf_ struct kconf k = {0};

	if (!dir)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	return shelf_has(dir, word) ? store_get(dir, word, text, err)
				    : kconf_read_file(word, text, &k, err);
}

/* make refuses to build elsewhere what is configured in place. */
static void warn_of_objects(struct cmd_env *env)
{
	_free_ char *config = strf("%s/.config", config_tree(env->cfg));
	_free_ char *made = strf("%s/include/config", config_tree(env->cfg));

	if ((config && fs_exists(AT_FDCWD, config)) ||
	    (made && fs_exists(AT_FDCWD, made)))
		ui_warn(env->ui,
			"%s has a .config or objects of its own: make refuses other "
			"object directories until `make mrproper` there (`kferry kconfig "
			"save` keeps the .config)",
			config_tree(env->cfg));
}

static int create(struct cmd_env *env, const char *name, struct args *a)
{
	_buf_ struct buf text = BUF_INIT;
	struct kf_error err = {0};
	int r = 0;

	a->spec.board = env->board;
	if (env->board && !config_has_board(env->cfg, env->board))
		return cmd_board_arg(env, "env", env->board) ? 0 : STATUS_USAGE;
	if (a->kconfig) {
		r = read_kconfig(env, a->kconfig, &text, &err);
		a->spec.config = &text;
	}
	if (r == 0)
		r = env_create(env->cfg, name, &a->spec, &err);
	if (r < 0)
		return cmd_fail(env, NULL, &err);
	ui_step(env->ui, "env", NULL, -1,
		json_pack("{s:s, s:s}", "name", name, "tree", config_tree(env->cfg)),
		"%s made; `kferry env use %s`", name, name);
	return STATUS_PASS;
}

static int use(struct cmd_env *env, const char *name)
{
	struct kf_error err = {0};

	if (env_use(env->cfg, name, &err) < 0)
		return cmd_fail(env, NULL, &err);
	ui_step(env->ui, "env", NULL, -1,
		json_pack("{s:s, s:s}", "name", name, "tree", config_tree(env->cfg)),
		"%s is in use in %s", name, config_tree(env->cfg));
	warn_of_objects(env);
	return STATUS_PASS;
}

static int leave(struct cmd_env *env)
{
	struct kf_error err = {0};
	int r = env_exit(env->cfg, &err);

	if (r < 0)
		return cmd_fail(env, NULL, &err);
	ui_step(env->ui, "env", NULL, -1,
		json_pack("{s:s, s:s}", "name", "", "tree", config_tree(env->cfg)),
		r ? "none was in use in %s" : "none is in use in %s any more",
		config_tree(env->cfg));
	return STATUS_PASS;
}

static int rm(struct cmd_env *env, const char *name)
{
	struct kf_error err = {0};

	if (env_remove(env->cfg, name, &err) < 0)
		return cmd_fail(env, NULL, &err);
	ui_step(env->ui, "env", NULL, -1,
		json_pack("{s:s, s:s}", "name", name, "tree", config_tree(env->cfg)),
		"%s removed", name);
	return STATUS_PASS;
}

static void show(struct cmd_env *env, const struct env_entry *e, bool in_use)
{
	ui_out(env->ui, "%c %-20s %-16s %-10s %s\n", in_use ? '*' : ' ', e->name,
	       e->board ? e->board : "-", e->arch ? e->arch : "-", e->output);
	ui_json(env->ui, json_pack("{s:s, s:s, s:s*, s:s*, s:s, s:b, s:b}", "event",
				   "environment", "name", e->name, "board", e->board,
				   "arch", e->arch, "output", e->output, "own_output",
				   (int)e->own_output, "in_use", (int)in_use));
}

static int list(struct cmd_env *env, bool names)
{
	_cleanup_(env_list_fini) struct env_list l = {0};
	struct kf_error err = {0};

	if (env_list(env->cfg, &l, &err) < 0)
		return cmd_fail(env, NULL, &err);
	for (size_t i = 0; i < l.n; i++) {
		const struct env_entry *e = &l.entries[i];

		if (names && !e->trouble)
			ui_out(env->ui, "%s\n", e->name);
		else if (!e->trouble)
			show(env, e, l.current && !strcmp(l.current, e->name));
		else if (!names)
			ui_warn(env->ui, "%s/%s is passed over: %s",
				config_env_dir(env->cfg), e->name, e->trouble);
	}
	if (l.cut)
		ui_warn(env->ui, "%s has more than %d names: the rest is not shown",
			config_env_dir(env->cfg), SHELF_MAX);
	return STATUS_PASS;
}

static int parse(struct cmd_env *env, int argc, char *argv[], struct args *ret,
		 bool *ret_names)
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"arch", required_argument, NULL, 'a'},
		{"cross-compile", required_argument, NULL, 'c'},
		{"llvm", required_argument, NULL, 'l'},
		{"output", required_argument, NULL, 'o'},
		{"kconfig", required_argument, NULL, 'k'},
		{"names", no_argument, NULL, 'n'}, /* for completions */
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, ":b:o:", options, NULL)) != -1) {
		if (c == 'b')
			env->board = optarg;
		else if (c == 'a')
			ret->spec.arch = optarg;
		else if (c == 'c')
			ret->spec.cross_compile = optarg;
		else if (c == 'l')
			ret->spec.llvm = optarg;
		else if (c == 'o')
			ret->spec.output = optarg;
		else if (c == 'k')
			ret->kconfig = optarg;
		else if (c == 'n')
			*ret_names = true;
		else
			return cmd_bad_option(env, argv[0], argv);
	}
	return 0;
}

static int run(struct cmd_env *env, struct args *a, bool names, int argc, char *argv[])
{
	const char *verb = argc ? argv[0] : "list";

	if (!strcmp(verb, "create") && argc == 2)
		return create(env, argv[1], a);
	if (!strcmp(verb, "use") && argc == 2)
		return use(env, argv[1]);
	if (!strcmp(verb, "rm") && argc == 2)
		return rm(env, argv[1]);
	if (!strcmp(verb, "exit") && argc == 1)
		return leave(env);
	if (!strcmp(verb, "list") && argc <= 1)
		return list(env, names);
	return cmd_usage(env, "env",
			 "create NAME, use NAME, list, exit, rm NAME or prompt");
}

/* It loads the configuration itself, without the environment in use: one that is bad can
 * be left and removed. */
int cmd_env(struct cmd_env *env, int argc, char *argv[])
{
	struct kf_error err = {0};
	struct args a = {0};
	bool names = false;
	int rc = parse(env, argc, argv, &a, &names);

	if (rc)
		return rc;
	if (argc - optind == 1 && !strcmp(argv[optind], "prompt"))
		return prompt(env);
	if (config_load_plain(NULL, &env->cfg, &err) < 0)
		return cmd_fail(env, NULL, &err);
	return run(env, &a, names, argc - optind, argv + optind);
}
