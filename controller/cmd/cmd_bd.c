/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kferry bd: build and deploy. */
#include "controller/cmd/deploy_args.h"
#include "controller/fleet/deploys.h"

int cmd_bd(struct cmd_env *env, int argc, char *argv[])
{
	_deploy_args_ struct deploy_args a = {0};
	int status = deploy_args_parse(env, argc, argv, true, &a);

	return status ? status : deploys_run(env, &a);
}
