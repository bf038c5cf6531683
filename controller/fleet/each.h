/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A command for each of the boards that are meant. */
#ifndef KF_EACH_H
#define KF_EACH_H

#include "controller/cmd/cmd.h"
#include "controller/fleet/pick.h"

/* The command for one board; says what goes wrong, and returns the exit status. */
typedef int (*each_fn)(struct cmd_env *env, const char *board, void *arg);

/* fn for all boards of p, at once (deploy.parallel), or one after the other.  Of several
 * the lines of output begin with the board's name.  arg is shared: read only, or locked.
 * The worst exit status (deploy_worse()). */
int each_board(struct cmd_env *env, const struct pick *p, bool at_once, each_fn fn,
	       void *arg);

#endif
