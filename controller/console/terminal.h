/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A console on this terminal, or between a pipe and standard output. */
#ifndef KF_TERMINAL_H
#define KF_TERMINAL_H

#include "controller/console/console.h"
#include "controller/ui/ui.h"

struct terminal_opts {
	bool read_only; /* standard input is let alone */
	bool safe;  /* what comes is escaped, also where it would go to a terminal as it
		       is */
	int log_fd; /* gets a copy, byte for byte; -1: none */
};

/*
 * Until the escape key, a signal, or the end of the console.  An interactive terminal is
 * raw meanwhile, and gets the bytes as they are, as a terminal must; a terminal that only
 * shows gets them escaped; what is no terminal gets the bytes.  The end of a pipe is not
 * the console's.  0: it was left, or its program ended in order.  -EPIPE: nobody reads
 * the output any more.
 */
int terminal_run(struct ui *ui, struct console *c, const struct terminal_opts *opts,
		 struct kf_error *err) _must_check_;

#endif
