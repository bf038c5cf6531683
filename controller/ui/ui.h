/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the user sees: one line per step and board, a live bar on a terminal, plain lines
 * elsewhere, one JSON object per line with --json.  Everything that came from outside is
 * escaped here.  Thread-safe.  Results go to stdout, progress and errors to stderr (with
 * --json all events go to stdout).  Colour only on terminals and without NO_COLOR.
 *
 * Memory that runs out here costs the line that was to be shown, never more.
 */
#ifndef KF_UI_H
#define KF_UI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/base/err.h"

struct ui;

struct ui_opts {
	bool json, quiet;
	int verbose;
};

int ui_new(const struct ui_opts *opts, struct ui **ret) _must_check_;
void ui_free(struct ui *ui);
bool ui_is_json(const struct ui *ui);
int ui_verbose(const struct ui *ui);

/* From here on this thread works for that board (NULL: for none; the string stays the
 * caller's, and alive): its notes, warnings, output and results carry the name with
 * --json, and with `prefix` the lines of its output begin with it. */
void ui_board(struct ui *ui, const char *board, bool prefix);

/* From here on nothing that is printed is a workflow command of GitHub's, whatever a
 * board has said: lines that would be get a mark.  Before there are threads. */
void ui_guard(struct ui *ui);
/* But these: whole lines of ours, escaped, with --json on stderr. */
void ui_commands(struct ui *ui, const char *lines, size_t n);

/*
 * A finished step: "  push     rpi4  3 of 2317 files changed, 1.4 MiB sent      0.9s".
 * stage is the first column and the JSON event's "event"; board may be NULL; took_ms < 0:
 * not shown.  extra (may be NULL, reference is taken) are fields added to the JSON event.
 * The step "verdict" is a result: it goes to stdout, with -q too; its text starts with
 * PASS, FAIL or ERROR.
 */
void ui_step(struct ui *ui, const char *stage, const char *board, int64_t took_ms,
	     json_t *extra, const char *fmt, ...) _printf_(6, 7);
/* A step under way: total 0 shows elapsed time only.  Redrawn at most ten times a second
 * and at least once a second; with no terminal nothing is shown before the step's end.
 * text may be NULL. */
void ui_progress(struct ui *ui, const char *stage, const char *board, uint64_t done,
		 uint64_t total, const char *text);
/* What was under way on this board (may be NULL) ended, and its step is not told. */
void ui_progress_end(struct ui *ui, const char *board);
/* Result text on stdout: exactly what the command was asked for.  Escaped, lines kept.
 * Nothing with --json: there ui_json() tells the result. */
void ui_out(struct ui *ui, const char *fmt, ...) _printf_(2, 3);
/* Raw bytes of a result (an exec's output is the user's own affair when not a terminal).
 */
void ui_out_bytes(struct ui *ui, const char *data, size_t n);
/* Likewise, to stderr: the error output of a program on the board. */
void ui_err_bytes(struct ui *ui, const char *data, size_t n);
/* As ui_out(), coloured where that is possible. */
enum ui_paint { UI_PLAIN, UI_BOLD, UI_YELLOW, UI_RED };
void ui_out_paint(struct ui *ui, enum ui_paint paint, const char *fmt, ...)
	_printf_(3, 4);
/* Columns of the terminal that stdout is; 80 if it is none. */
unsigned ui_out_columns(const struct ui *ui);
/* 0, or the negative errno with which writing to stdout failed: then stop producing. */
int ui_out_error(struct ui *ui);
/* A result as JSON: printed with --json, else ignored.  Takes the reference. */
void ui_json(struct ui *ui, json_t *event);
void ui_note(struct ui *ui, const char *fmt, ...) _printf_(2, 3);  /* unless -q */
void ui_debug(struct ui *ui, const char *fmt, ...) _printf_(2, 3); /* with -v */
void ui_warn(struct ui *ui, const char *fmt, ...) _printf_(2, 3);
/* "kferry: rpi4: connect to ...: reason" and, from the reason, what to do. */
void ui_error(struct ui *ui, const char *board, const struct kf_error *err);

/* Ask on the terminal (not stdin); -ENOTTY without one.  *ret is zeroed memory: free with
 * ui_forget().  prompt is ours. */
int ui_ask_secret(struct ui *ui, const char *prompt, char **ret) _must_check_;
void ui_forget(char *secret);
/* yes/no; no terminal: -ENOTTY. */
int ui_confirm(struct ui *ui, const char *question, bool *ret) _must_check_;

#endif
