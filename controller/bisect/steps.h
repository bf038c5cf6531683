/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The steps of a bisect: one JSON object a line in steps.jsonl, in the order in which
 *they were taken.  A line is written before git is told of its verdict, so that a step
 *that was tested is never lost.
 *
 *	commit    40 or 64 hex digits      verdict  good, bad, skip, fault
 *	subject   of the commit            reason   why, a word; or null
 *	text      why, for people          board    on which; run: its directory; or null
 *	took_ms   of all attempts          attempts more than one: there were faults
 *	ended     UTC                      end      true: of --check-ends
 *
 * What is no such line is left out, and counted.
 */
#ifndef KF_BISECT_STEPS_H
#define KF_BISECT_STEPS_H

#include <jansson.h>

#include "controller/bisect/judge.h"
#include "proto/base/cleanup.h"
#include "proto/base/err.h"

#define STEPS_FILE     "steps.jsonl"
#define STEPS_FILE_MAX (4u << 20)
#define STEP_LINE_MAX  (64u * 1024)
#define STEPS_MAX      4096u

struct steps {
	json_t *list;	  /* array of objects, each with all of the fields above */
	unsigned damaged; /* lines that were left out */
};

void steps_fini(struct steps *s);
#define _steps_ _cleanup_(steps_fini)

/* Of a file's n bytes. */
int steps_parse(const char *text, size_t n, struct steps *ret) _must_check_;
/* None yet is fine. */
int steps_load(int dir, struct steps *ret, struct kf_error *err) _must_check_;
/* Takes the reference to step, which is kept in the file before this returns. */
int steps_add(int dir, struct steps *s, json_t *step, struct kf_error *err) _must_check_;

size_t steps_count(const struct steps *s);
/* A field that is a text; "" for null. */
const char *step_text(const json_t *step, const char *key);
enum judged step_verdict(const json_t *step);
int64_t step_took_ms(const json_t *step);
bool step_is_end(const json_t *step);
/* The last one of that commit that says good, bad or skip (end: of --check-ends); NULL:
 * there is none. */
const json_t *steps_find(const struct steps *s, const char *commit, bool end);
/* How long a step takes, by those so far that were judged; -1: not known. */
int64_t steps_usual_ms(const struct steps *s);
unsigned steps_number(const struct steps *s, enum judged verdict);

#endif
