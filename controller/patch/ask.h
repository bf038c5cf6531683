/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One run of get_maintainer.pl. */
#ifndef KF_ASK_H
#define KF_ASK_H

#include "controller/patch/people.h"
#include "controller/patch/script.h"
#include "controller/ui/ui.h"

/* Of files, or of a patch (any number of them) whose names passed script_check_names():
 * who is told is added to `people`. */
int ask_people(const struct script *s, struct ui *ui, const char *const files[],
	       const struct buf *patch, struct people *people,
	       struct kf_error *err) _must_check_;

#endif
