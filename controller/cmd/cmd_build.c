/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kferry build: make, as the profile says; and what else a tree's makefile does. */
#include <getopt.h>
#include <string.h>

#include "controller/build/about.h"
#include "controller/build/chores.h"
#include "controller/build/range.h"
#include "controller/cmd/build_args.h"
#include "controller/kernel/kernel.h"
#include "proto/text.h"

enum { OPT_FROM_SHA = 256, OPT_FORCE, OPT_STRICT };

/* What is done; options for the others are refused. */
enum what { BUILD, MENU, INFO, DOC, CLEAN, FULL_CLEANUP, FROM_SHA };

static const char *const whats[] = {"a build", "--menu",	 "--info",    "--doc",
				    "--clean", "--full-cleanup", "--from-sha"};

struct args {
	enum what what;
	const char *from;
	bool force;
};

bool cmd_build_board(const struct cmd_env *env, const char *name, const char **ret)
{
	*ret = env->board ? cmd_board_arg(env, name, NULL)
			  : config_default_board(env->cfg);
	return *ret || !env->board;
}

static void show_about(struct ui *ui, const struct tree *t, const struct about *a)
{
	char size[16] = "";
	json_t *event = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:s*, s:I, s:b, s:I, s:I, s:I}", "event",
		"build-info", "name", a->name, "release", a->release, "arch", t->arch,
		"source", t->src, "objects", t->obj, "image", a->image, "image_bytes",
		(json_int_t)a->image_bytes, "modules_built", (int)a->has_modules,
		"modules", (json_int_t)a->modules, "module_bytes",
		(json_int_t)a->module_bytes, "modules_configured",
		(json_int_t)a->configured);

	ui_out(ui, "name      %s\n", *a->name ? a->name : "-");
	ui_out(ui, "release   %s\n", a->release);
	ui_out(ui, "arch      %s%s%s%s%s\n", t->arch, t->cross ? ", " : "",
	       t->cross ? t->cross : "", t->llvm ? ", LLVM=" : "",
	       t->llvm ? t->llvm : "");
	ui_out(ui, "objects   %s\n", t->obj);
	if (a->image)
		ui_out(ui, "image     %s, %s\n", text_bytes(a->image_bytes, size),
		       a->image);
	else
		ui_out(ui, "image     not built yet\n");
	if (a->has_modules)
		ui_out(ui, "modules   %zu, %s\n", a->modules,
		       text_bytes(a->module_bytes, size));
	else
		ui_out(ui, "modules   not built yet\n");
	ui_out(ui, "options   %zu are =m\n", a->configured);
	ui_json(ui, event);
}

static int show_info(struct cmd_env *env, const char *board, struct kf_error *err)
{
	_about_ struct about a = {0};
	struct tree *t = NULL;
	int r = tree_open(env->cfg, board, &t, err);

	if (r == 0)
		r = about_tree(t, env->cfg, board, &a, err);
	if (r == 0)
		show_about(env->ui, t, &a);
	tree_free(t);
	return r;
}

static int act(struct cmd_env *env, const struct args *a, const char *board,
	       const char *const words[], struct kf_error *err)
{
	struct build_result result;

	switch (a->what) {
	case MENU:
		return chores_menu(env->cfg, board, err);
	case INFO:
		return show_info(env, board, err);
	case DOC:
		return chores_doc(env->cfg, env->ui, board, words, err);
	case CLEAN:
	case FULL_CLEANUP:
		return chores_clean(env->cfg, env->ui, board, a->what == FULL_CLEANUP,
				    a->force, err);
	case FROM_SHA:
		return range_build(env->cfg, env->ui, board, a->from, words, err);
	case BUILD:
		break;
	}
	return kernel_build(env->cfg, env->ui, board, words, &result, err);
}

/* One thing at a time. */
static int set_what(struct cmd_env *env, struct args *a, enum what what)
{
	if (a->what != BUILD && a->what != what)
		return cmd_usage(env, "build", "%s does not go with %s", whats[what],
				 whats[a->what]);
	a->what = what;
	if (what == FROM_SHA)
		a->from = optarg;
	return 0;
}

/* 0, or the exit status of what was told. */
static int take(struct cmd_env *env, struct args *a, int c)
{
	static const struct {
		int c;
		enum what what;
	} does[] = {{'n', MENU},  {'i', INFO},	       {'d', DOC},
		    {'c', CLEAN}, {'f', FULL_CLEANUP}, {OPT_FROM_SHA, FROM_SHA}};

	for (size_t i = 0; i < ARRAY_SIZE(does); i++) {
		if (c == does[i].c)
			return set_what(env, a, does[i].what);
	}
	if (c == 'b')
		env->board = optarg;
	else if (c == OPT_FORCE)
		a->force = true;
	else if (c == OPT_STRICT)
		return cmd_strict(env) ? 0 : STATUS_ERROR;
	else
		return build_arg_take(env, "build", c);
	return 0;
}

static int check(struct cmd_env *env, const struct args *a, int words)
{
	if (a->force && a->what != FULL_CLEANUP)
		return cmd_usage(env, "build", "--force goes with --full-cleanup");
	if (words > 0 && a->what != BUILD && a->what != DOC && a->what != FROM_SHA)
		return cmd_usage(env, "build", "%s takes no further words",
				 whats[a->what]);
	return words > 64 ? cmd_usage(env, "build", "more than 64 words for make") : 0;
}

int cmd_build(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {
		BUILD_ARGS,
		{"board", required_argument, NULL, 'b'},
		{"strict", no_argument, NULL, OPT_STRICT},
		{"menu", no_argument, NULL, 'n'},
		{"info", no_argument, NULL, 'i'},
		{"doc", no_argument, NULL, 'd'},
		{"clean", no_argument, NULL, 'c'},
		{"full-cleanup", no_argument, NULL, 'f'},
		{"force", no_argument, NULL, OPT_FORCE},
		{"from-sha", required_argument, NULL, OPT_FROM_SHA},
		{0},
	};
	struct args a = {.what = BUILD};
	struct kf_error err = {0};
	const char *board;
	int c, status = 0;

	while (!status && (c = getopt_long(argc, argv, ":b:nidcf" BUILD_LETTERS, options,
					   NULL)) != -1) {
		status = take(env, &a, c);
		if (status < 0)
			return cmd_bad_option(env, argv[0], argv);
	}
	if (!status)
		status = check(env, &a, argc - optind);
	if (status)
		return status;
	if (!cmd_build_board(env, argv[0], &board))
		return STATUS_USAGE;
	if (act(env, &a, board, (const char *const *)argv + optind, &err) < 0)
		return cmd_fail(env, NULL, &err);
	return STATUS_PASS;
}
