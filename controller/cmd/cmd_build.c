/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kferry build: make, as the profile says. */
#include <getopt.h>

#include "controller/cmd/cmd.h"
#include "controller/kernel/kernel.h"

bool cmd_build_board(const struct cmd_env *env, const char *name, const char **ret)
{
	*ret = env->board ? cmd_board_arg(env, name, NULL)
			  : config_default_board(env->cfg);
	return *ret || !env->board;
}

int cmd_build(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"strict", no_argument, NULL, 's'},
		{0},
	};
	struct build_result result;
	struct kf_error err = {0};
	const char *board;
	int c;

	while ((c = getopt_long(argc, argv, ":b:", options, NULL)) != -1) {
		if (c == 'b')
			env->board = optarg;
		else if (c != 's')
			return cmd_bad_option(env, argv[0], argv);
		else if (!cmd_strict(env))
			return STATUS_ERROR;
	}
	if (!cmd_build_board(env, argv[0], &board))
		return STATUS_USAGE;
	if (kernel_build(env->cfg, env->ui, board, (const char *const *)argv + optind,
			 &result, &err) < 0)
		return cmd_fail(env, NULL, &err);
	return STATUS_PASS;
}
