/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The history of a span in numbers: by kind, by board, by part, and what did not pass. */
#ifndef KF_HISTORY_TALLY_H
#define KF_HISTORY_TALLY_H

#include <jansson.h>

#include "controller/history/history.h"
#include "controller/history/span.h"

#define TALLY_TROUBLES 10  /* kept: the last ones */
#define TALLY_BOARDS   256 /* with a row of their own */

struct tally_row {
	char name[48];
	uint64_t n, passed, failed, errors; /* the rest had no verdict */
	int64_t total_ms, median_ms;	    /* the time it took */
	int64_t *took;			    /* of each; internal */
	size_t size;
};

enum tally_kind {
	TALLY_BUILD,
	TALLY_DEPLOY,
	TALLY_BOOT, /* of the deploys: the board came back, with the kernel or not */
	TALLY_TEST,
	TALLY_BISECT,
	TALLY_KINDS
};

/* Something that did not pass. */
struct tally_trouble {
	int64_t when;
	char kind[16], board[48], verdict[8], reason[24];
	char release[72], run[512];
};

struct tally {
	const struct span *span;
	const char *const
		*only; /* boards, NULL-terminated; NULL: all, and what has none */
	struct tally_row kinds[TALLY_KINDS];
	struct tally_row *boards; /* deploys and tests; sorted by name */
	size_t n_boards;
	struct tally_row parts[SPAN_PARTS_MAX]; /* builds, deploys, tests; as span's */
	struct tally_trouble troubles[TALLY_TROUBLES]; /* oldest first, once read */
	size_t n_troubles;			       /* all there were */
};

/* Read it; span and only stay the caller's.  A history that is not there is empty.
 * tally_fini() also after an error. */
int tally_read(const char *path, const struct span *span, const char *const *only,
	       struct tally *ret, struct kf_error *err) _must_check_;
void tally_fini(struct tally *t);
#define _tally_ _cleanup_(tally_fini)

/* For history_each(). */
int tally_add(void *arg, const struct history_event *e);
/* Medians, and the order. */
void tally_end(struct tally *t);

/* Percent that passed of those with a verdict; -1: there were none. */
int tally_rate(const struct tally_row *r);
/* The event "report". */
json_t *tally_json(const struct tally *t);

#endif
