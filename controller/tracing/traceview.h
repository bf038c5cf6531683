/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A trace as it comes: its lines counted, shown or written to a file.  In a file a line
 * that tells of lost events is a comment, so that readers of the format (Perfetto,
 * systrace) pass over it.
 */
#ifndef KF_TRACEVIEW_H
#define KF_TRACEVIEW_H

#include "controller/ui/ui.h"
#include "proto/base/buf.h"

struct traceview {
	struct ui *ui;
	int fd;	   /* the file; -1: none */
	bool show; /* on standard output, too */
	uint64_t events;
	uint64_t lost; /* by what the trace says itself */
	struct buf line;
};

/* Zeroed but for ui, fd and show. */
int traceview_take(struct traceview *v, const char *data, size_t n,
		   struct kf_error *err) _must_check_;
/* Nothing more comes: what is there of a last line. */
int traceview_end(struct traceview *v, struct kf_error *err) _must_check_;
void traceview_fini(struct traceview *v);

#endif
