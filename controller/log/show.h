/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Findings as a person reads them: a line for each, and one that sums them up. */
#ifndef KF_LOG_SHOW_H
#define KF_LOG_SHOW_H

#include "controller/log/finding.h"
#include "controller/ui/ui.h"

struct show {
	bool full;	 /* with the lines of each report */
	bool with_known; /* also what the baseline has */
	uint64_t lines;	 /* of the log that was looked at */
};

void show_findings(struct ui *ui, const struct findings *f, const struct show *how);
/* The worst severity among those that count (not the known ones); -1: there is none. */
int show_worst(const struct findings *f);

#endif
