/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A place on a board as one writes it: [BOARD:]/PATH. */
#ifndef KF_SPOT_H
#define KF_SPOT_H

#include "controller/config/config.h"

struct spot {
	char *board; /* NULL: none was named */
	char *dir;   /* of the path: "/" or without a slash at its end */
	char *name;  /* its last part; "" for "/" */
};

void spot_fini(struct spot *s);
#define _spot_ _cleanup_(spot_fini)

/* A word up to a colon is a board only if there is one by that name.  KF_REASON_USAGE: a
 * path that does not begin with a slash, or ends in "." or "..". */
int spot_parse(const struct config *cfg, const char *word, struct spot *ret,
	       struct kf_error *err) _must_check_;

#endif
