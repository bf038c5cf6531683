/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `deploy` and `bd` have in common: options, and which boards. */
#ifndef KF_DEPLOY_ARGS_H
#define KF_DEPLOY_ARGS_H

#include "controller/cmd/cmd.h"
#include "controller/deploy/deploy.h"
#include "controller/report/report_files.h"
#include "controller/suite/testplan.h"

struct deploy_args {
	const char *from; /* a package file; NULL: the tree */
	bool build;	  /* the tree is built before it is packed */
	struct deploy_opts opts;
	struct report_files files;
	struct testplan plan; /* of --test; opts.tests is it, or NULL */
	const char **boards;  /* names from the configuration */
	size_t n_boards;
	const char **skipped; /* in quarantine, and not asked for by name */
	size_t n_skipped;
};

void deploy_args_fini(struct deploy_args *a);
#define _deploy_args_ _cleanup_(deploy_args_fini)

/* 0, or the exit status of a usage error that was told.  Boards that are skipped were
 * told, too; there may be no others.  bd takes no --from. */
int deploy_args_parse(struct cmd_env *env, int argc, char *argv[], bool bd,
		      struct deploy_args *ret) _must_check_;
/* A failure for the kernel outweighs a board that could not be used, and that one that
 * was busy. */
int deploy_worse(int a, int b);

/* What --help of deploy and of bd say alike. */
#define DEPLOY_CI_HELP                                                                   \
	"For a CI; of several boards all are in one file:\n"                             \
	"  --test SUITE     pass this suite before it is confirmed; "                    \
	"see kferry test\n"                                                              \
	"  --retries N      ... run what failed of it again\n"                           \
	"  --expect FILE    ... with failures that are expected\n"                       \
	"  --junit FILE     the verdicts as JUnit XML\n"                                 \
	"  --ktap FILE      as KTAP\n"                                                   \
	"  --kcidb FILE     as KCIDB v5.3 JSON\n"                                        \
	"  --summary FILE   a summary in Markdown, appended\n"                           \
	"  --annotations    what is wrong as GitHub's workflow commands\n"               \
	"  --artifacts DIR  result.json, logs and all else of each run, "                \
	"in "                                                                            \
	"DIR/BOARD\n"

#endif
