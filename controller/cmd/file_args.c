// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/cmd/file_args.h"

#include <getopt.h>

#include "controller/suite/testplan.h"

bool file_args_take(struct cmd_env *env, int c, struct report_files *f)
{
	switch (c) {
	case FILE_OPT_JUNIT:
		f->junit = optarg;
		return true;
	case FILE_OPT_KTAP:
		f->ktap = optarg;
		return true;
	case FILE_OPT_KCIDB:
		f->kcidb = optarg;
		return true;
	case FILE_OPT_SUMMARY:
		f->summary = optarg;
		return true;
	case FILE_OPT_ARTIFACTS:
		f->artifacts = optarg;
		return true;
	case FILE_OPT_ANNOTATIONS:
		f->annotations = true;
		ui_guard(env->ui);
		return true;
	default:
		return false;
	}
}

int file_args_retries(struct cmd_env *env, const char *name, const char *text,
		      unsigned *ret)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || n > TESTPLAN_RETRIES)
		return cmd_usage(env, name,
				 "--retries takes a number up to %d, not \"%s\"",
				 TESTPLAN_RETRIES, text);
	*ret = (unsigned)n;
	return 0;
}
