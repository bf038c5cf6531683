/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Telling somebody who looks elsewhere that a long command has ended: by the program of
 * notify.command, else notify-send.  What is wrong with that is a warning.
 */
#ifndef KF_NOTIFY_H
#define KF_NOTIFY_H

#include <stdbool.h>

#include "controller/config/config.h"
#include "controller/ui/ui.h"

#define NOTIFY_MS 10000 /* the program may take */

struct notice {
	char *const *argv; /* the command and its words */
	int status;	   /* its exit status */
	int64_t took_ms;
	bool asked; /* --notify: also where notify.command is not set */
};

/* Not when it took less than notify.after, nor when the user has interrupted it. */
void notify(const struct config *cfg, struct ui *ui, const struct notice *n);

#endif
