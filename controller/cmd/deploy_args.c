/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deploying to one or several boards.  A kernel is built and packed again only for a
 * board whose profile builds another one than that of the board before.
 */
#include "controller/cmd/deploy_args.h"

#include <getopt.h>
#include <string.h>

#include "controller/kernel/require.h"
#include "proto/reason.h"
#include "proto/text.h"

enum {
	OPT_FROM = 256,
	OPT_NO_REBOOT,
	OPT_ONCE,
	OPT_FORCE,
	OPT_KEXEC,
	OPT_KEXEC_OK,
	OPT_CMDLINE,
	OPT_STRICT
};

void deploy_args_fini(struct deploy_args *a)
{
	free(a->boards);
	a->boards = NULL;
}

static int take_boards(struct cmd_env *env, int argc, char *argv[], struct deploy_args *a)
{
	int n = argc - optind;

	a->boards = calloc((size_t)n + 1, sizeof(*a->boards));
	if (!a->boards)
		return STATUS_ERROR;
	for (int i = 0; i < n || i == 0; i++) {
		const char *name = n > 0 ? argv[optind + i] : NULL;
		const char *board = cmd_board_arg(env, argv[0], name);

		if (!board)
			return STATUS_USAGE;
		for (size_t j = 0; j < a->n_boards; j++) {
			if (strcmp(a->boards[j], board) == 0)
				return cmd_usage(env, argv[0], "%s is named twice",
						 board);
		}
		a->boards[a->n_boards++] = board;
	}
	return 0;
}

int deploy_args_parse(struct cmd_env *env, int argc, char *argv[], bool bd,
		      struct deploy_args *ret)
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"no-reboot", no_argument, NULL, OPT_NO_REBOOT},
		{"once", no_argument, NULL, OPT_ONCE},
		{"force", no_argument, NULL, OPT_FORCE},
		{"kexec", no_argument, NULL, OPT_KEXEC},
		{"kexec-ok", no_argument, NULL, OPT_KEXEC_OK},
		{"cmdline", required_argument, NULL, OPT_CMDLINE},
		{"from", required_argument, NULL, OPT_FROM},
		{"strict", no_argument, NULL, OPT_STRICT},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, ":b:", options, NULL)) != -1) {
		if (c == 'b')
			env->board = optarg;
		else if (c == OPT_NO_REBOOT)
			ret->opts.no_reboot = true;
		else if (c == OPT_ONCE)
			ret->opts.once = true;
		else if (c == OPT_FORCE)
			ret->opts.force = true;
		else if (c == OPT_KEXEC)
			ret->opts.kexec = true;
		else if (c == OPT_KEXEC_OK)
			ret->opts.kexec = ret->opts.kexec_ok = true;
		else if (c == OPT_CMDLINE)
			ret->opts.cmdline_extra = optarg;
		else if (c == OPT_STRICT && !cmd_strict(env))
			return STATUS_ERROR;
		else if (c == OPT_STRICT)
			continue;
		else if (c == OPT_FROM && !bd)
			ret->from = optarg;
		else if (c == OPT_FROM)
			return cmd_usage(env, argv[0],
					 "it builds the tree; for a package file use "
					 "`kferry deploy --from`");
		else
			return cmd_bad_option(env, argv[0], argv);
	}
	if (ret->opts.cmdline_extra && !text_is_line(ret->opts.cmdline_extra, 1024))
		return cmd_usage(env, argv[0],
				 "--cmdline takes printable ASCII, at most 1024 bytes");
	if (ret->opts.kexec && ret->opts.no_reboot)
		return cmd_usage(env, argv[0],
				 "--kexec is a way to reboot: it does not "
				 "go with --no-reboot");
	ret->build = bd;
	return take_boards(env, argc, argv, ret);
}

int deploy_worse(int a, int b)
{
	static const int order[] = {STATUS_PASS, STATUS_NO_BOARD, STATUS_USAGE,
				    STATUS_ERROR, STATUS_FAIL};
	size_t at_a = 0, at_b = 0;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		if (order[i] == a)
			at_a = i;
		if (order[i] == b)
			at_b = i;
	}
	return at_a > at_b ? a : b;
}

/* Would the tree give both boards the same kernel? */
static bool same_kernel(const struct config *cfg, const char *a, const char *b)
{
	static const char *const keys[] = {
		"build.arch",  "build.cross_compile", "build.llvm",  "build.output",
		"build.jobs",  "build.targets",	      "build.image", "build.dtbs",
		"build.extra", "kernel.strip"};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *x = config_get(cfg, a, keys[i]);
		const char *y = config_get(cfg, b, keys[i]);

		if (strcmp(x ? x : "", y ? y : "") != 0)
			return false;
	}
	return true;
}

static int make_kernel(struct cmd_env *env, const struct deploy_args *a,
		       const char *board, struct kernel **ret)
{
	struct build_result built;
	struct kf_error err = {0};
	int r = 0;

	if (a->from) {
		r = kernel_from_file(env->cfg, env->ui, a->from, ret, &err);
	} else {
		if (a->build)
			r = kernel_build(env->cfg, env->ui, board, NULL, &built, &err);
		if (r == 0)
			r = kernel_from_tree(env->cfg, env->ui, board, ret, &err);
	}
	ui_progress_end(env->ui, NULL);
	return r < 0 ? cmd_fail(env, NULL, &err) : STATUS_PASS;
}

static int deploy_one(struct cmd_env *env, const struct deploy_args *a,
		      const struct kernel *k, const char *board, bool checked)
{
	struct kf_error err = {0};
	struct run *run = NULL;
	int status;

	if (!checked && require_check_kernel(env->cfg, env->ui, board, k, &err) < 0)
		return cmd_fail(env, board, &err);
	if (run_new(env->cfg, board, &run, &err) < 0)
		return cmd_fail(env, board, &err);
	status = deploy_run(env->cfg, env->ui, board, k, &a->opts, run);
	run_free(run);
	return status;
}

int deploy_args_run(struct cmd_env *env, const struct deploy_args *a)
{
	struct kernel *k = NULL;
	int worst = STATUS_PASS;
	size_t passed = 0;

	for (size_t i = 0; i < a->n_boards; i++) {
		const char *board = a->boards[i];
		int status = STATUS_PASS;
		bool built = false;

		/* What was not tried has not passed. */
		if (atomic_load(cancel_flag())) {
			worst = deploy_worse(worst, STATUS_ERROR);
			break;
		}
		if (k && !a->from && !same_kernel(env->cfg, a->boards[i - 1], board)) {
			kernel_free(k);
			k = NULL;
		}
		if (!k) {
			/* A build has looked at what the board needs already. */
			built = a->build;
			status = make_kernel(env, a, board, &k);
		}
		if (!k)
			return deploy_worse(worst, status);
		status = deploy_one(env, a, k, board, built);
		passed += status == STATUS_PASS;
		worst = deploy_worse(worst, status);
	}
	kernel_free(k);
	if (a->n_boards > 1)
		ui_step(env->ui, "summary", NULL, -1,
			json_pack("{s:i, s:i}", "boards", (int)a->n_boards, "passed",
				  (int)passed),
			"%zu of %zu boards passed", passed, a->n_boards);
	return worst;
}
