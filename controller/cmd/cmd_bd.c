/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kferry bd: build and deploy.  The boards are asked first: minutes of building are not
 * spent for one that cannot be reached or cannot boot the result.
 */
#include "controller/cmd/deploy_args.h"

int cmd_bd(struct cmd_env *env, int argc, char *argv[])
{
	_deploy_args_ struct deploy_args a = {0};
	int status = deploy_args_parse(env, argc, argv, true, &a);

	if (status)
		return status;
	for (size_t i = 0; i < a.n_boards; i++) {
		struct kf_error err = {0};

		ui_progress(env->ui, "check", a.boards[i], 0, 0, NULL);
		if (deploy_check(env->cfg, env->ui, a.boards[i], &a.opts, &err) < 0)
			status = deploy_worse(status, cmd_fail(env, a.boards[i], &err));
		ui_progress_end(env->ui, a.boards[i]);
	}
	return status ? status : deploy_args_run(env, &a);
}
