/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which boards are meant: names, lists of names ("a,b"), "all", and labels.
 *
 * Labels are the words of board.labels ("rack=3 owner=lab quick").  KEY=VALUE asks for
 * that word, KEY for any label of that key; "profile=P" is a label of every board of that
 * profile.  Names and labels together: the boards named that have all the labels; labels
 * alone: of all boards.
 */
#ifndef KF_PICK_H
#define KF_PICK_H

#include "controller/config/config.h"

struct pick {
	const char *
		*names; /* boards in the order asked for, each once; config's strings */
	size_t n;
	/* What was asked for: not copied. */
	const char **lists, **labels;
	size_t n_lists, n_labels;
};

void pick_fini(struct pick *p);
#define _pick_ _cleanup_(pick_fini)

/* One of -b, and one of -l.  Looked at by pick_boards(). */
int pick_add(struct pick *p, const char *list) _must_check_;
int pick_add_label(struct pick *p, const char *label) _must_check_;
/* Fill names.  KF_REASON_USAGE: a board that is not known, with the nearest name; a label
 * that fits none; nothing asked for (then there is no fallback here). */
int pick_boards(struct pick *p, const struct config *cfg,
		struct kf_error *err) _must_check_;

/* Is it asked for by its own name (not by "all", nor by labels alone)? */
bool pick_is_named(const struct pick *p, const char *board);

/* The nearest name of a board, NULL if there is none. */
const char *pick_nearest(const struct config *cfg, const char *name);

#endif
