/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kferry deploy: send a kernel, boot it once, come back with a verdict. */
#include "controller/cmd/deploy_args.h"
#include "controller/fleet/deploys.h"

int cmd_deploy(struct cmd_env *env, int argc, char *argv[])
{
	_deploy_args_ struct deploy_args a = {0};
	int status = deploy_args_parse(env, argc, argv, false, &a);

	return status ? status : deploys_run(env, &a);
}
