/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The escape key of an interactive console: Ctrl-] and a key are for us, all else is for
 * the board.  Without I/O. */
#ifndef KF_ESCAPE_H
#define KF_ESCAPE_H

#include <stdbool.h>

#include "proto/base/buf.h"

#define ESCAPE_KEY  0x1d /* Ctrl-] */
#define ESCAPE_KEYS "q or . leaves, b sends a break, ] sends Ctrl-], ? shows this"

enum escape_action { ESCAPE_NONE, ESCAPE_LEAVE, ESCAPE_BREAK, ESCAPE_HELP };

struct escape {
	bool seen; /* the key was pressed, what it means comes */
};

/* Bytes of the keyboard up to an action, which is *ret, or to their end.  Returns how
 * many of them were used; those for the board are appended to out.  -ENOMEM. */
ssize_t escape_feed(struct escape *e, const char *data, size_t n, struct buf *out,
		    enum escape_action *ret) _must_check_;

#endif
