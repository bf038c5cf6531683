// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/cmd/build_args.h"

#include <getopt.h>
#include <limits.h>
#include <string.h>

#include "controller/strf.h"

static int set(struct cmd_env *env, const char *name, const char *key, const char *value)
{
	struct kf_error err = {0};

	if (config_override(env->cfg, key, value, &err) == 0)
		return 0;
	return cmd_usage(env, name, "%s", err.msg);
}

/* Paths of the command line are relative to where one is, not to the tree. */
static int set_log(struct cmd_env *env, const char *name, const char *file)
{
	_free_ char *here = *file == '/' ? NULL : realpath(".", NULL);
	_free_ char *full = here ? strf("%s/%s", here, file) : strdup(file);

	if (!*file)
		return cmd_usage(env, name, "--save-log-to takes a file");
	return full ? set(env, name, "build.log", full) : STATUS_ERROR;
}

/* LLVM that the configuration chooses, such as -18, stays. */
static int set_llvm(struct cmd_env *env, const char *name)
{
	const char *board = env->board ? env->board : config_default_board(env->cfg);
	const char *now = config_get(env->cfg, board, "build.llvm");
	static const char *const off[] = {"", "0", "no", "false"};

	for (size_t i = 0; now && i < ARRAY_SIZE(off); i++) {
		if (!strcmp(now, off[i]))
			now = NULL;
	}
	return now ? 0 : set(env, name, "build.llvm", "1");
}

int build_arg_take(struct cmd_env *env, const char *name, int c)
{
	switch (c) {
	case 'S':
		/* A number of jobs would hide it. */
		if (set(env, name, "build.jobs", "0"))
			return STATUS_USAGE;
		return set(env, name, "build.cpus", optarg);
	case 'w':
		return set(env, name, "build.warnings", optarg);
	case 's':
		return set_log(env, name, optarg);
	case BUILD_ARG_LLVM:
		return set_llvm(env, name);
	case BUILD_ARG_CCACHE:
		return set(env, name, "build.ccache", "yes");
	case BUILD_ARG_CFLAGS:
		return set(env, name, "build.cflags", optarg);
	default:
		return -1;
	}
}
