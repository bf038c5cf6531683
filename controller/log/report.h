/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel prints below the head of a finding: which lines are still of it, and
 * what they tell of where, of which modules, and of what went before.
 */
#ifndef KF_REPORT_H
#define KF_REPORT_H

#include "controller/log/finding.h"
#include "controller/log/patterns.h"

struct report {
	bool trace;	  /* its call trace has begun */
	bool placed;	  /* the function is known */
	bool aside;	  /* a line is to come that names another's place */
	char passed[64];  /* the instruction's, though no report is about that one */
	char taken[64];	  /* where the first lock was that is held */
	size_t lead;	  /* bytes in front of each line that say nothing */
	unsigned strange; /* lines at the end that look like none of a report's */
	size_t bytes;	  /* of the body without these */
	unsigned lines;
};

/* Append a line to the finding's body and learn from it. */
int report_line(struct report *r, struct finding *it, const struct patterns *ps,
		const char *s, size_t n) _must_check_;
/* The function that the head names. */
int report_func(struct report *r, struct finding *it, const struct patterns *ps,
		const char *s, size_t n) _must_check_;
/* Are the last lines those of something else? */
bool report_is_over(const struct report *r);
/* Leave them out of the body. */
int report_end(const struct report *r, struct finding *it) _must_check_;

#endif
