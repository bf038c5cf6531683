/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One call of deploy or bd: the boards in parallel, each with its own run and result, and
 * a kernel built, packed and compressed once for all that get the same.
 */
#ifndef KF_DEPLOYS_H
#define KF_DEPLOYS_H

#include "controller/cmd/deploy_args.h"

/* Deploy to all of a's boards; of several, print what became of each.  With a->build, the
 * boards are asked first: nothing is built where none of those that would get it can be
 * reached and armed.  The worst exit status. */
int deploys_run(struct cmd_env *env, const struct deploy_args *a);

#endif
