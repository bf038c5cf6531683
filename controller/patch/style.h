/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One run of checkpatch.pl, and what it counted. */
#ifndef KF_STYLE_H
#define KF_STYLE_H

#include "controller/patch/script.h"
#include "controller/ui/ui.h"

struct style {
	unsigned long errors, warnings, checks, lines;
};

/* Add what its last words on each file say: "total: 1 errors, 0 warnings, 7 lines
 * checked", with "2 checks, " before the lines.  false: there are none, so nothing was
 * judged. */
bool style_count(const char *text, struct style *sum);
/* Check files, or a patch whose names passed script_check_names().  out: all it printed;
 * *ret_clean: it found nothing. */
int style_check(const struct script *s, struct ui *ui, bool strict,
		const char *const files[], const struct buf *patch, struct buf *out,
		struct style *sum, bool *ret_clean, struct kf_error *err) _must_check_;

#endif
