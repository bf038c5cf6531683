/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kferry bd: build and deploy. */
#include "controller/cmd/build_args.h"
#include "controller/cmd/deploy_args.h"
#include "controller/fleet/deploys.h"

const char cmd_bd_details[] =
	"The options are deploy's, but for --from, and those of a build. "
	"The boards are asked\nfirst: nothing is built where none can "
	"take it.\n"
	"\n" BUILD_ARGS_HELP "\n"
	"  -b, --board LIST  boards: names, joined by commas or each "
	"with its -b; or all\n"
	"  -l, --label KEY=VALUE  boards with that word in board.labels; "
	"several: all of them\n"
	"  --no-reboot      install only\n"
	"  --once           do not make it the default after a pass\n"
	"  --force          also when this very kernel runs already\n"
	"  --strict         an option that kernel.require wants and the "
	"kernel lacks is an error\n"
	"  --kexec          boot it by kexec: fast; a pass does not "
	"confirm it\n"
	"  --kexec-ok       the same, and a pass does\n"
	"  --cmdline WORDS  added to this trial's kernel command line\n"
	"  --modules        only modules, for the kernel that runs, "
	"until "
	"the next boot\n"
	"  --reload NAME    with --modules: load it again, with 'NAME "
	"param=1' so\n"
	"\n" DEPLOY_CI_HELP;

int cmd_bd(struct cmd_env *env, int argc, char *argv[])
{
	_deploy_args_ struct deploy_args a = {0};
	int status = deploy_args_parse(env, argc, argv, true, &a);

	return status ? status : deploys_run(env, &a);
}
