/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `kferryd trace` on a board: its words, and what it answers with. */
#ifndef KF_TRACECALL_H
#define KF_TRACECALL_H

#include <stdbool.h>
#include <stdint.h>

#include "controller/config/config.h"

struct tracecall_end {
	uint64_t lost;
	bool counted; /* lost is known */
	int status;   /* of the command; 0 without one */
	bool cut;     /* stopped, and the connection ended before the trace did */
};

struct tracecall {
	const struct config *cfg;
	const char *board;
	const char *const *words; /* behind "trace" */
	bool stoppable; /* by a first Ctrl-C: then what is left is taken, see cancel.h */
	/* What comes; each may be NULL.  text: 0, or a negative errno with err filled to
	 * give up. */
	int (*text)(void *arg, const char *data, size_t n, struct kf_error *err);
	void (*output)(void *arg, bool errors, const char *data, size_t n);
	void (*note)(void *arg, const char *text);
	void *arg;
};

/* Until it ends.  Whatever ends it, the board undoes what was set for it. */
int tracecall_run(const struct tracecall *call, struct tracecall_end *ret,
		  struct kf_error *err) _must_check_;

#endif
