/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing down what was done.  Whatever is wrong with the history is a warning, once a
 * call: nothing fails for it.  From any thread. */
#ifndef KF_HISTORY_NOTE_H
#define KF_HISTORY_NOTE_H

#include <jansson.h>

#include "controller/history/history.h"
#include "controller/ui/ui.h"

/* Not with history.record = no. */
void note_event(const struct config *cfg, struct ui *ui, const struct history_event *e);
/* A run that has ended, by its result.json; dir: its directory, may be NULL. */
void note_run(const struct config *cfg, struct ui *ui, const json_t *result,
	      const char *dir);
/* The event of such a run; false: it has not ended, and is none.  Texts are result's. */
bool note_of_run(const json_t *result, struct history_event *ret);
/* When something began that took so long until now. */
int64_t note_began(int64_t took_ms);

#endif
