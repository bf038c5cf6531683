/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A run: one deploy and what it left, in <runs dir>/<date>-<n>/<board>/:
 *
 *	result.json   what was deployed, steps with times, verdict, reason, findings; its
 *	              form is kferry-result(5)
 *	dmesg         the log of the boot that was judged, one line per record
 *	findings.json the findings
 *	pstore/...    what the dead kernel left
 *	console.raw   what the board's console said, byte for byte; console.log: as lines
 *with times; console.txt: what netconsole's datagrams say
 *
 * The files are written as things happen, so that an interrupted run keeps what it has.
 */
#ifndef KF_RUN_H
#define KF_RUN_H

#include <jansson.h>

#include "controller/config/config.h"
#include "controller/results/suite.h"
#include "controller/ui/ui.h"

struct run;

/* The directory of a board's runs (NULL: of any): run.dir, or below the data directory.
 * The caller's; NULL: no memory. */
char *run_base(const struct config *cfg, const char *board);

/* Below run_base().  Directory name from the local date plus a counter that makes it
 * unique; created with mkdir, so two runs never share one. */
int run_new(const struct config *cfg, const char *board, struct run **ret,
	    struct kf_error *err) _must_check_;
void run_free(struct run *r);
const char *run_dir(const struct run *r);
/* What result.json has; the run's, and changed by it. */
json_t *run_result(const struct run *r);
/* It has ended: when, how long it took, and which files it leaves. */
void run_finish(struct run *r);
/* 0, or why result.json could not be written (the last time that it could not). */
int run_error(const struct run *r);
/* Warn of that, if there is one, once. */
void run_tell_error(struct run *r, struct ui *ui, const char *board);
/* A field of result.json that is a text; NULL: it is none, or was not set.  Valid until
 * it is set again. */
const char *run_text(const struct run *r, const char *key);
/* A file in the run's directory; name is ours or passed text_is_path().  Directories are
 * made. */
int run_write(struct run *r, const char *name, const void *data, size_t n,
	      struct kf_error *err) _must_check_;
int run_create(struct run *r, const char *name,
	       struct kf_error *err) _must_check_; /* fd */
/* The same, to be read as well. */
int run_create_both(struct run *r, const char *name, struct kf_error *err) _must_check_;
/* Record a step or a field of result.json; written at once. Takes the reference. */
void run_step(struct run *r, const char *stage, int64_t took_ms, json_t *fields);
void run_set(struct run *r, const char *key, json_t *value);
/* A text for result.json, whatever bytes a board gave it: escaped as for a terminal. */
json_t *run_json_text(const char *text);
/* What became of the board, beyond the verdict; kept here, and not in result.json. */
enum run_board {
	RUN_BOARD_UNTOUCHED, /* nothing was sent to it yet, and nothing started */
	RUN_BOARD_TOUCHED,
	RUN_BOARD_GONE, /* it was touched, and did not come back */
};
/* RUN_BOARD_GONE changes nothing where it was untouched. */
void run_set_board(struct run *r, enum run_board board);
enum run_board run_board(const struct run *r);
/* The results of a suite, for the reports: moved here, s is empty then. */
int run_add_suite(struct run *r, struct suite_run *s) _must_check_;
/* Those that were added; the caller's from now on. */
struct suite_run *run_take_suites(struct run *r, size_t *ret_n);

#endif
