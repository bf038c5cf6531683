/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of ui share; nobody else includes it. */
#ifndef KF_UI_INTERNAL_H
#define KF_UI_INTERNAL_H

#include <pthread.h>

#include "controller/ui/ui.h"
#include "proto/base/buf.h"

#define UI_LIVE_MAX 64 /* boards shown at once; more have no live line */

/* A step under way. */
struct ui_live {
	char stage[24];
	char board[72];
	char text[160];
	uint64_t done, total;
	int64_t began; /* clock_now_ms() */
};

/* Where a line is, between two pieces of a stream. */
struct ui_guard {
	bool begun; /* with more than blanks */
	unsigned hashes;
};

struct ui {
	pthread_mutex_t lock; /* everything below, and the two streams */
	struct ui_opts opts;
	pthread_key_t board, prefix; /* of each thread; see ui_board() */
	int out_error;
	bool guarded;
	struct ui_guard raw[2]; /* of ui_out_bytes(), of ui_err_bytes() */
	bool out_tty, err_tty, out_colour, err_colour;
	struct ui_live live[UI_LIVE_MAX];
	unsigned live_count;
	unsigned drawn; /* lines of the live area on the screen now */
	int64_t drawn_at;
	pthread_t clock; /* runs from the first progress on */
	pthread_cond_t clock_wake;
	bool clock_runs, clock_ends;
};

/* All of these want the lock held. */

/* The board that this thread works for; NULL: none. */
const char *ui_my_board(const struct ui *ui);

/* Take the live area off the screen. */
void ui_live_erase(struct ui *ui);
/* Put it back (after ui_live_erase() and other output). */
void ui_live_draw(struct ui *ui);
/* Columns of the terminal that stderr is; 80 if it is none. */
unsigned ui_columns(void);
/* A step of this board ended. */
void ui_live_remove(struct ui *ui, const char *board);
/* Print an event and a newline; takes the reference.  board, text may be NULL. */
void ui_event(struct ui *ui, const char *event, const char *board, const char *text,
	      json_t *extra);

/* End the clock's thread; wants the lock free. */
void ui_live_stop(struct ui *ui);

/* Append n bytes of data, in which nothing is a command any more. */
int ui_guard_copy(struct ui_guard *g, const char *data, size_t n,
		  struct buf *out) _must_check_;

/* Escaped for a terminal, as a JSON string; NULL without memory. */
json_t *ui_json_text(const char *s, size_t n);

#endif
