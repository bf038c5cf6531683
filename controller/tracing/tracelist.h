/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a board can trace, one a line. */
#ifndef KF_TRACELIST_H
#define KF_TRACELIST_H

#include "controller/ui/ui.h"

/*
 * Show the lines of text that one of the patterns (ends with NULL; none: all) fits: as a
 * whole, or its part before or behind the colon ("sched:sched_switch"), or before a blank
 * ("ext4_map_blocks [ext4]").  Their names go to `names`, too.  How many there were.
 */
size_t tracelist_show(struct ui *ui, const char *text, char *const patterns[],
		      json_t *names);
bool tracelist_fits(const char *line, size_t n, const char *pattern);

#endif
