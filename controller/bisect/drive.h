/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bisect from one step to the next, until git knows the first bad commit, a fault that
 * is not the kernel's lasts, or the user stops it.  Whatever ends it, the next
 * drive_run() goes on at the same commit.
 */
#ifndef KF_BISECT_DRIVE_H
#define KF_BISECT_DRIVE_H

#include "controller/bisect/trial.h"

struct drive_opts {
	struct trial_opts trial;
	bool check_ends;     /* first see that the good ones pass and the bad one fails */
	const char *summary; /* a file that Markdown is appended to; NULL: none */
};

/* The exit status: 0 it is known, 1 one of several commits is it, 2 it was stopped. */
int drive_run(struct cmd_env *env, struct bisect *b, const struct drive_opts *opts);
/* Only the commit that is checked out, whoever bisects: judge_status(). */
int drive_step(struct cmd_env *env, struct bisect *b, const struct drive_opts *opts);

#endif
