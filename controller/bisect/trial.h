/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One commit on a board: build what is checked out, deploy it once (the known-good kernel
 * stays the default), test it.  A fault that is not the kernel's is tried again, on the
 * next of the boards where there are several.
 */
#ifndef KF_BISECT_TRIAL_H
#define KF_BISECT_TRIAL_H

#include "controller/bisect/bisect.h"
#include "controller/bisect/judge.h"
#include "controller/cmd/cmd.h"
#include "controller/deploy/deploy.h"

struct trial_opts {
	const char *const *boards;
	size_t n_boards;
	unsigned retries;	      /* after the first attempt */
	const struct testplan *tests; /* suites, before it is confirmed; NULL: none */
	const char *script;	 /* words, config_words(): a program here; NULL: none */
	const char *exec;	 /* likewise, on the board */
	int64_t test_timeout_ms; /* of either */
};

struct trial {
	enum judged judged;
	int reason; /* enum kf_reason; 0: good */
	char text[512];
	const char *board;
	char *run; /* directory, NULL: there was none */
	int64_t took_ms;
	unsigned attempts;
	bool final; /* no use in trying again on this board */
};

void trial_fini(struct trial *t);
#define _trial_ _cleanup_(trial_fini)

/* b's tree is at that commit. */
void trial_run(struct cmd_env *env, struct bisect *b, const char *commit,
	       const struct trial_opts *opts, struct trial *ret);

#endif
