/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first look at a kernel log: lines that announce a fault.
 *
 * A table of heads (panic, oops, BUG, lockup, ..., WARNING) with a severity; a finding is
 * a line of the kernel's own (facility 0) that has one.  A streaming engine without I/O:
 * records or plain text lines in, findings collected.
 */
#ifndef KF_FINDINGS_H
#define KF_FINDINGS_H

#include <jansson.h>
#include <stdint.h>

#include "proto/kmsg.h"

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR, SEVERITY_FATAL };

struct finding {
	enum severity severity;
	const char *class_name; /* "panic", "oops", ... */
	char *title;		/* the line, without prefix, bounded */
	char *source;		/* "log", "pstore/dmesg.txt" */
	uint64_t usec;
	unsigned count; /* how often in that source */
};

struct findings;

int findings_new(struct findings **ret);
void findings_free(struct findings *f);
int findings_record(struct findings *f, const struct kmsg_record *r, const char *source);
/* Plain text: console or pstore; "[   12.345678] " and "<4>" prefixes are understood. */
int findings_line(struct findings *f, const char *line, size_t n, const char *source);
size_t findings_count(const struct findings *f);
const struct finding *findings_at(const struct findings *f, size_t i);
/* The one to name in a verdict: the first of the highest severity; NULL: none. */
const struct finding *findings_worst(const struct findings *f);
json_t *findings_json(const struct findings *f);

#endif
