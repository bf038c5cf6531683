/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is run on a kernel that has booted, and what it says: a program on this machine,
 * or one on the board.  Afterwards the board must still run that boot, without a fault in
 * its log: else the kernel is bad, whatever the program said.
 */
#ifndef KF_BISECT_SUITE_H
#define KF_BISECT_SUITE_H

#include "controller/bisect/judge.h"
#include "controller/cmd/cmd.h"
#include "controller/deploy/run.h"
#include "controller/kernel/kernel.h"
#include "controller/log/patterns.h"

#define SUITE_LOG "test.log" /* in the run's directory: what the program printed */

struct suite {
	struct cmd_env *env;
	const char *board, *src, *commit;
	const struct kernel *k;
	struct run *run;
	const struct patterns *patterns;
	const char *script; /* config_words(): runs in src, with KFERRY_BOARD, KFERRY_RUN,
			       KFERRY_SLOT, KFERRY_RELEASE, KFERRY_COMMIT, KFERRY_TREE */
	const char *exec;   /* config_words(): runs on the board */
	int64_t timeout_ms; /* a program that takes longer says nothing of the kernel */
};

/* err says why, unless it is good; it was told. */
enum judged suite_run(const struct suite *s, struct kf_error *err);

#endif
