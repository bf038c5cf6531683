/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a kernel log to findings, as a streaming engine without I/O: records of /dev/kmsg
 * or raw bytes of a console in, in pieces of any size; findings out.
 *
 * One finding is a head line and what the kernel prints below it, up to an end mark,
 * another head, lines that are no report's, or a number of lines.  Where the log has
 * printk's caller ids, reports of several processors that are printed at once are kept
 * apart by them.  Memory is bounded whatever comes: long lines are taken in pieces,
 * bodies and the number of findings have maxima (finding.h).
 *
 * What is in a source twice is one finding, counted; in several sources it is one event,
 * told more than once.  Not shared between threads.
 */
#ifndef KF_CLASSIFIER_H
#define KF_CLASSIFIER_H

#include "controller/log/finding.h"
#include "controller/log/patterns.h"

struct classifier;

/* ps stays the caller's, and alive. */
int classifier_new(const struct patterns *ps, struct classifier **ret) _must_check_;
void classifier_free(struct classifier *c);
/* What comes now is from there ("dmesg"), and not of what came before: a line or a
 * finding that was open is ended.  phase (NULL: none) is noted with each finding. */
int classifier_source(struct classifier *c, const char *name,
		      const char *phase) _must_check_;
/* Raw bytes. */
int classifier_text(struct classifier *c, const void *data, size_t n) _must_check_;
/* One whole record of /dev/kmsg.  What is none is passed over. */
int classifier_kmsg(struct classifier *c, const char *data, size_t n) _must_check_;
/* Nothing more comes from this source. */
int classifier_end(struct classifier *c) _must_check_;

/* Those so far; one whose report goes on is there, and not yet whole. */
struct findings *classifier_findings(struct classifier *c);
/* Lines, or records, that were looked at in this source. */
uint64_t classifier_lines(const struct classifier *c);

/* "Linux version ...", of the only kernel whose start was seen; "": several that differ;
 * NULL: none was seen. */
const char *classifier_banner(const struct classifier *c);

static inline void classifier_freep(struct classifier **c)
{
	classifier_free(*c);
}

#endif
