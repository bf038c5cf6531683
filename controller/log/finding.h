/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Findings: what a kernel log tells of faults, each once.
 */
#ifndef KF_FINDING_H
#define KF_FINDING_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "controller/log/severity.h"
#include "proto/base/buf.h"

#define FINDINGS_MAX	  256 /* of each severity: a kernel that warns in a loop */
#define FINDING_TITLE_MAX 300
#define FINDING_LINE_MAX  1024	       /* bytes of one line that are kept */
#define FINDING_BODY_MAX  (24u * 1024) /* of all lines of one */
#define FINDING_SIGNATURE 64
#define FINDING_SOURCES	  8 /* that are named, besides the first */

struct finding {
	enum severity severity;
	char *class_name; /* "panic", "oops", ... */
	char *title;	  /* for one line: what it says, bounded */
	char *first_line; /* its head, without what stood before the kernel's text */
	struct buf body;  /* its lines, the head's among them, each with its '\n' */
	unsigned lines;	  /* of the body */
	struct buf
		decoded; /* the body with the places of its frames; empty: not decoded */
	json_t *trace;	 /* its frames likewise, kferry-json(7); NULL: not decoded */
	char *func;	 /* where; NULL: not told */
	char *file;
	unsigned line;	/* of file; 0: not told */
	char *modules;	/* linked in, blanks between; NULL: not told */
	char taint[32]; /* letters of "Tainted:"; "": none */
	char signature[FINDING_SIGNATURE];
	char *source;		     /* "dmesg", "pstore/dmesg.txt", "console" */
	char *also[FINDING_SOURCES]; /* sources that tell the same; NULL behind the last
				      */
	char *phase;		     /* given by the caller, as "boot"; NULL: none */
	unsigned boot;		     /* 1 is the first that the source shows */
	uint64_t usec;		     /* since the kernel's start; 0: not told */
	uint64_t source_line;	     /* number of its head in the source */
	unsigned count;		     /* how often in that source */
	bool later;		 /* after an error, or the kernel was tainted by one */
	bool known;		 /* the baseline has it as well */
	struct finding *follows; /* it is what came of that one; may be NULL */
};

struct findings;

int findings_new(struct findings **ret) _must_check_;
void findings_free(struct findings *f);
static inline void findings_freep(struct findings **f)
{
	findings_free(*f);
}
/* Takes it, in the order of heads.  NULL stays NULL; false: there are too many of its
 * severity, it is freed and counted. */
int findings_add(struct findings *f, struct finding *it, bool *ret_kept) _must_check_;
/* it is whole.  If another one says the same, that is counted, or gets its source as
 * well, and it is freed: then NULL, and what followed from it follows from the other. */
struct finding *findings_settle(struct findings *f, struct finding *it);

size_t findings_count(const struct findings *f);
const struct finding *findings_at(const struct findings *f, size_t i);
struct finding *findings_get(struct findings *f, size_t i);
/* The last before `it` in its boot of at least that severity; NULL: none. */
struct finding *findings_before(const struct findings *f, const struct finding *it,
				enum severity least);
unsigned findings_number(const struct findings *f, enum severity s);
/* Those of that severity that were not kept because there were too many. */
uint64_t findings_dropped(const struct findings *f);
/* What is to blame: the first fatal one, or what that followed from; else the first of
 * the highest severity.  NULL: none. */
const struct finding *findings_cause(const struct findings *f);

/* Mark those that the other log, the baseline, has as well. */
void findings_mark_known(struct findings *f, const struct findings *baseline);

/* kferry-json(7), "finding". */
json_t *finding_json(const struct finding *it, bool is_cause);
json_t *findings_json(const struct findings *f);

struct finding *finding_new(void);
void finding_free(struct finding *it);

#endif
