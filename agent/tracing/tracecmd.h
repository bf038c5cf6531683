/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command that runs while it is traced: in this process's group, so that whoever ends
 * that ends both; its output as records. */
#ifndef KF_TRACECMD_H
#define KF_TRACECMD_H

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

#include "proto/base/clock.h"
#include "proto/base/err.h"

struct tracecmd {
	pid_t pid;	 /* 0: not started */
	int out[2];	 /* its streams; -1: at their end */
	int status;	 /* its exit status, or 128 + signal */
	bool ended;	 /* what is known once it was reaped */
	deadline_ms end; /* then: until when its output is waited for */
};

#define TRACECMD_INIT                                                                    \
	{                                                                                \
		.out = { -1, -1 }                                                        \
	}

int tracecmd_start(struct tracecmd *c, char *const *argv,
		   struct kf_error *err) _must_check_;
/* What to poll for. */
void tracecmd_poll(const struct tracecmd *c, struct pollfd f[static 2]);
/* Pass its output on.  A negative errno: nobody takes it. */
int tracecmd_pass(struct tracecmd *c, const struct pollfd f[static 2]) _must_check_;
/* Reap it if it ended.  true: and all its output has come, or was waited for. */
bool tracecmd_is_over(struct tracecmd *c);
/* End it, with all that it started: SIGTERM, and for itself SIGKILL after two seconds. */
void tracecmd_stop(struct tracecmd *c);

#endif
