/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Quarantine as a call meets it: which of its boards are left out or refused, and what a
 * board's end counts as.  What goes wrong with the files is a warning and nothing more: a
 * count that cannot be kept is no reason to leave a board alone.
 */
#ifndef KF_SIFT_H
#define KF_SIFT_H

#include "controller/cmd/cmd.h"
#include "controller/deploy/run.h"
#include "controller/fleet/pick.h"

/* Take the boards in quarantine out of p that are not asked for by name, say so of each,
 * and put them into skipped (room for p->n).  Returns how many. */
size_t sift_boards(struct cmd_env *env, struct pick *p, const char **skipped);
/* KF_REASON_QUARANTINE: it is not to be used. */
int sift_refuse(struct cmd_env *env, const char *board,
		struct kf_error *err) _must_check_;

/* How something with a board ended. */
struct sift_end {
	bool judged; /* with a verdict on a kernel, which takes a board that works */
	enum run_board board;
	const char *reason; /* the error's name; NULL or "": none */
	const char *text;   /* of the error */
};

/* Counts what is the board's fault, and says when that puts it in quarantine; one that
 * works has nothing counted any more. */
void sift_count(struct cmd_env *env, const char *board, const struct sift_end *end);
/* The end that is in the run. */
void sift_count_run(struct cmd_env *env, const char *board, const struct run *run);

#endif
