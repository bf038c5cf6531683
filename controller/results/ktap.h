/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KTAP version 1, TAP 13 and 14, as kselftest and its runner, KUnit and other programs
 * print them: to a file, or to a kernel log or console among lines of the kernel.  An
 * engine without I/O.
 *
 * Nesting is by indentation (and by "# " where kselftest's runner passes on what a test
 * printed).  A test has a result line or it is ERROR (it was running when the output
 * ended, or its parent's line is all there is of it) or MISS (its plan promised it).
 */
#ifndef KF_KTAP_H
#define KF_KTAP_H

#include "controller/results/lines.h"
#include "controller/results/suite.h"

#define KTAP_DEPTH 16 /* levels of nesting; what is deeper counts as of the last */

/* A plan and the results that it promises. */
struct ktap_scope {
	unsigned indent;
	bool hash;    /* opened behind "# " */
	bool implied; /* nothing but an indented version line tells of it */
	bool has_plan, late_plan;
	uint64_t plan;
	uint64_t last; /* number of the last result */
	uint64_t *numbers;
	size_t n;		   /* results, and numbers */
	size_t first;		   /* index of the first test of it in the suite */
	bool skipped;		   /* plan 1..0 */
	char name[SUITE_NAME + 1]; /* from "# Subtest:", or "" */
	char skip_text[SUITE_TEXT];
};

struct ktap {
	struct suite_run *suite;
	struct lines lines;
	struct ktap_scope scope[KTAP_DEPTH];
	size_t depth; /* open scopes; 0: nothing was seen yet */
	bool sure;    /* a version, a plan or a subtest was seen */
	bool kernel;  /* the kernel's dialect: results have numbers */
	bool bailed;
	bool too_deep;			/* that was told */
	char header[SUITE_NAME + 1];	/* kselftest: what runs; or "" */
	char next_name[SUITE_NAME + 1]; /* of the scope that is opened next; or "" */
	unsigned next_indent;		/* where that was announced */
	bool yaml;			/* within a YAML block */
	unsigned yaml_indent;
	struct buf output; /* since the last result */
};

void ktap_init(struct ktap *k, struct suite_run *suite);
void ktap_fini(struct ktap *k);
int ktap_feed(struct ktap *k, const void *data, size_t n) _must_check_;
/* The output's end; settles the suite. */
int ktap_end(struct ktap *k) _must_check_;

#endif
