/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the classifier share: classifier_lines.c (bytes and records to
 * lines), classifier.c (lines to findings).
 */
#ifndef KF_CLASSIFIER_INTERNAL_H
#define KF_CLASSIFIER_INTERNAL_H

#include "controller/log/classifier.h"
#include "controller/log/logline.h"
#include "controller/log/report.h"

#define LINE_SIZE 8192u /* a longer one is looked at in pieces */
#define CALLERS	  16u

/* A finding that is not whole yet. */
struct unfinished {
	struct finding *it; /* NULL: there is none */
	const struct pattern *p;
	struct report report;
};

/* What a caller is about to say. */
struct caller {
	bool used;
	uint64_t id;
	uint64_t line, usec; /* of its last line */
	bool cut;	     /* the cut mark was there, the head not yet */
	struct buf before;   /* lines since then */
	unsigned before_n;
	struct unfinished now;
	struct unfinished outer; /* whose head led to a report of its own: its trace comes
				    behind that */
};

struct classifier {
	const struct patterns *ps;
	pcre2_match_data *data;
	struct findings *findings;
	struct caller callers[CALLERS];
	unsigned busy; /* callers that are used */

	char *source, *phase;
	uint64_t line;
	const struct pattern *range; /* in which findings are expected */
	unsigned range_left;

	unsigned boot;
	bool started, pending; /* a start was seen; its kernel's banner will come */
	bool announced;	       /* ... the next one */
	uint64_t replay_line;
	char *banner; /* of the kernels that started; "": they differ; NULL: none was seen
		       */

	struct literal_set hits;
	size_t held;
	char line_buf[LINE_SIZE], plain[LINE_SIZE];
};

/* One line of the log. */
int classifier_take(struct classifier *c, const struct logline *l) _must_check_;
/* What is open is ended. */
int classifier_release(struct classifier *c) _must_check_;

#endif
