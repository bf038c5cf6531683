/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ask a board which files of a copy both sides have: its find, xargs, stat and sha256sum.
 * Where it lacks one, nothing is known to be the same, and all is copied.  Blocking.
 */
#ifndef KF_SAME_ASK_H
#define KF_SAME_ASK_H

#include "controller/copy/remote.h"
#include "controller/copy/same.h"

/*
 * What sh does first with the words of a put: the board's directory, the destination's
 * last part, the name in the tar, "many" or "one", the name in a directory.  Then
 * $dir/$as is the place of what is sent.
 */
#define PUT_PLACE                                                                        \
	"dir=$1 as=$2\n"                                                                 \
	"case $dir in /) dir= ;; esac\n"                                                 \
	"if [ -z \"$as\" ] || [ -d \"$dir/$as\" ]; then dir=$dir${as:+/$as} as=$5\n"     \
	"elif [ \"$4\" = many ]; then echo \"$dir/$as is no directory\" >&2; exit 1; "   \
	"fi\n"
#define PUT_WORDS 5

struct same_ask {
	struct remote_board *board;
	const char *const *words; /* NULL-ended: PUT_WORDS; a get's directory, name */
	int dir;		  /* this side's: the top's directory, */
	const char *top;	  /* and its name there */
	bool checksum;		  /* content decides, and not the time */
};

/* Of the files at top.  s is empty when nothing is known. */
int same_ask_put(const struct same_ask *a, struct same *s,
		 struct kf_error *err) _must_check_;
/* Of the board's files: all of them, the same or not. */
int same_ask_get(const struct same_ask *a, struct same *s,
		 struct kf_error *err) _must_check_;

#endif
