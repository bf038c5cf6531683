/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tally for a terminal: tables, and bars as wide as there is room. */
#ifndef KF_HISTORY_CHART_H
#define KF_HISTORY_CHART_H

#include "controller/history/tally.h"
#include "controller/ui/ui.h"

/* columns: of the terminal. */
void chart_show(struct ui *ui, const struct tally *t, unsigned columns);

/* How long the parts of a bar are, at a scale where `most` takes `room`: what there is
 * one of is seen.  The sum is at most room + 3. */
struct chart_bar {
	unsigned passed, failed, errors, rest;
};
struct chart_bar chart_bar(const struct tally_row *r, uint64_t most, unsigned room);

#endif
