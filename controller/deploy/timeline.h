/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the time of a reboot went: down, firmware, boot loader, kernel, user space,
 * agent.
 *
 * Measured on two clocks: this machine's for when it was asked, no longer answered and
 * answered again; the board's own for what happened since its kernel started (and what
 * its boot loader says was before).  They meet where the agent says how long its kernel
 * has been running.  What is not known, or does not fit together, is left out.
 */
#ifndef KF_TIMELINE_H
#define KF_TIMELINE_H

#include <jansson.h>

#include "controller/deploy/wait.h"

/* Milliseconds; -1: not known. */
struct timeline {
	int64_t down_ms;     /* from the request to the reset */
	int64_t firmware_ms; /* the boot loader's included, if that is not known */
	int64_t loader_ms;
	int64_t kernel_ms; /* to the first program */
	int64_t user_ms;   /* from there to the agent */
	int64_t start_ms;  /* kernel and user space together, where only that is known */
	int64_t agent_ms;  /* from the agent's start to its answer */
};

/* now: when s was received. */
void timeline_find(const struct wait_boot *b, const Kferry__Status *s, int64_t now,
		   struct timeline *ret);
/* " (down 4.1, firmware 6.0, kernel 5.2, user space 6.3)" in seconds; "" when nothing is
 * known. */
#define TIMELINE_TEXT 128
void timeline_text(const struct timeline *t, char text[static TIMELINE_TEXT]);
/* What is known, as "down_ms" and so on; NULL: nothing, or no memory. */
json_t *timeline_json(const struct timeline *t);

#endif
