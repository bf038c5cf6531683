/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs on a board that take, or give, a stream of bytes. */
#ifndef KF_REMOTE_H
#define KF_REMOTE_H

#include "controller/client.h"

struct remote_board {
	const struct config *cfg;
	const char *name;
	struct client *client; /* NULL until the first program runs */
};

struct remote {
	const char *const *argv;
	int in;			 /* its input is read from here; -1: it has none */
	int out;		 /* its output is written here; -1: it is passed over */
	struct buf *keep;	 /* not NULL: appended to this instead, up to its max */
	void (*tick)(void *arg); /* called now and then */
	/* At the end of in, may be NULL: false when that is no whole end; then the board
	 * is not told of one, but hung up on: -ECANCELED. */
	bool (*whole)(void *arg);
	void *arg;
};

/* Until it ended, and with exit status 0; else KF_REASON_EXEC, and err has the last line
 * of its errors.  -EPIPE: nobody reads out any more.  A silent board is noticed, a slow
 * program is not. */
int remote_run(struct remote_board *b, const struct remote *r,
	       struct kf_error *err) _must_check_;
void remote_board_fini(struct remote_board *b);

#endif
