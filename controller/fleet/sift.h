/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Quarantine as a call meets it: which of its boards are left out or refused, and what a
 * board's end counts as.  What goes wrong with the files is a warning and nothing more: a
 * count that cannot be kept is no reason to leave a board alone.
 */
#ifndef KF_SIFT_H
#define KF_SIFT_H

#include "controller/cmd/cmd.h"
#include "controller/fleet/pick.h"

/* Take the boards in quarantine out of p that are not asked for by name, say so of each,
 * and put them into skipped (room for p->n).  Returns how many. */
size_t sift_boards(struct cmd_env *env, struct pick *p, const char **skipped);
/* KF_REASON_QUARANTINE: it is not to be used. */
int sift_refuse(struct cmd_env *env, const char *board,
		struct kf_error *err) _must_check_;
/* A run ended with this reason's name and text ("": none): counts what is the board's
 * fault, and says when that puts it in quarantine.  works: the board has done what it is
 * for, so that there is nothing to count any more. */
void sift_count(struct cmd_env *env, const char *board, bool works, const char *reason,
		const char *text);

#endif
