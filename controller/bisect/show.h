/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bisect for people, for --json, and as a summary in Markdown. */
#ifndef KF_BISECT_SHOW_H
#define KF_BISECT_SHOW_H

#include "controller/bisect/bisect.h"
#include "controller/ui/ui.h"

/* All steps, and how it stands; the events "bisect-step", one for each. */
void show_log(struct ui *ui, const struct bisect *b);
/* One step that was just taken. */
void show_step(struct ui *ui, const json_t *step);
/* What is tested next; usual_ms (-1: not known): of a step. */
void show_next(struct ui *ui, const char *commit, const char *subject, unsigned left,
	       unsigned total, unsigned commits, int64_t usual_ms);
/* The end: the first bad commit, or those of which one is it; the event "bisect-result".
 * e may say that it goes on: then only the event, without either. */
int show_ending(struct ui *ui, const struct bisect *b, const struct ending *e,
		struct kf_error *err) _must_check_;

/* Before anything is done: can the file be written? */
int show_summary_check(const char *path, struct kf_error *err) _must_check_;
/* Append the summary to it. */
int show_summary(const char *path, const struct bisect *b, const struct ending *e,
		 struct kf_error *err) _must_check_;

#endif
