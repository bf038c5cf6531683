/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of what is left for a CI, and --retries: deploy, bd and test have them. */
#ifndef KF_FILE_ARGS_H
#define KF_FILE_ARGS_H

#include "controller/cmd/cmd.h"
#include "controller/report/report_files.h"

/* Values of long options, which a command's own must not have. */
enum file_opt {
	FILE_OPT_JUNIT = 1024,
	FILE_OPT_KTAP,
	FILE_OPT_KCIDB,
	FILE_OPT_SUMMARY,
	FILE_OPT_ARTIFACTS,
	FILE_OPT_ANNOTATIONS
};

/* Entries of a struct option[]. */
/* clang-format off */
#define FILE_OPTIONS                                             \
	{"junit", required_argument, NULL, FILE_OPT_JUNIT},           \
	{"ktap", required_argument, NULL, FILE_OPT_KTAP},             \
	{"kcidb", required_argument, NULL, FILE_OPT_KCIDB},           \
	{"summary", required_argument, NULL, FILE_OPT_SUMMARY},       \
	{"artifacts", required_argument, NULL, FILE_OPT_ARTIFACTS},   \
	{"annotations", no_argument, NULL, FILE_OPT_ANNOTATIONS}
/* clang-format on */

/* getopt's c, with optarg.  false: it is none of them.  Where annotations are asked for
 * nothing else is printed that GitHub would take for one. */
bool file_args_take(struct cmd_env *env, int c, struct report_files *f);
/* How often what failed runs again: 0, or the status of a usage error that was told. */
int file_args_retries(struct cmd_env *env, const char *name, const char *text,
		      unsigned *ret) _must_check_;

#endif
