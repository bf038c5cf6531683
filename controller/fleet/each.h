/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A command for each of the boards that are meant. */
#ifndef KF_EACH_H
#define KF_EACH_H

#include "controller/cmd/cmd.h"
#include "controller/fleet/pick.h"

/* The command for one board; says what goes wrong, and returns the exit status. */
typedef int (*each_fn)(struct cmd_env *env, const char *board, void *arg);

/* fn for all boards of p: at once (deploy.parallel), the lines of output then begin with
 * the board's name; or one after the other, each below a line with its name.  arg is
 * shared: read only, or locked.  The worst exit status (deploy_worse()). */
int each_board(struct cmd_env *env, const struct pick *p, bool at_once, each_fn fn,
	       void *arg);

#endif
