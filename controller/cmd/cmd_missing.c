// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands in for commands whose file is not in the tree yet. */
#include "controller/cmd/cmd.h"
#define MISSING(name)                                                                    \
	__attribute__((weak)) int name(struct cmd_env *env, int argc, char *argv[])      \
	{                                                                                \
		(void)argc;                                                              \
		return cmd_usage(env, argv[0], "not in this build");                     \
	}
MISSING(cmd_board)
MISSING(cmd_build)
MISSING(cmd_pack)
MISSING(cmd_deploy)
MISSING(cmd_bd)
MISSING(cmd_reboot)
MISSING(cmd_dmesg)
MISSING(cmd_kernels)
MISSING(cmd_exec)
MISSING(cmd_vm)
