/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A deploy of one kernel to one board, from PLAN to verdict, as straight-line code with a
 * deadline on every wait; and the run directory in which all of it is kept.
 */
#ifndef KF_DEPLOY_H
#define KF_DEPLOY_H

#include "controller/client.h"
#include "controller/deploy/parcel.h"
#include "controller/deploy/run.h"
#include "controller/kernel/kernel.h"
#include "controller/log/patterns.h"

struct testplan;

struct deploy_opts {
	bool no_reboot; /* install (and not arm) only */
	bool once;	/* do not make it the default after a pass */
	bool force;	/* install and boot again although this very kernel runs */
	bool kexec;	/* boot the trial by kexec; a pass does not confirm */
	bool kexec_ok;	/* ... and confirm it all the same */
	struct parcels *parcels; /* of this kernel, for several boards; NULL: one board */
	bool modules;		 /* only these, for the kernel that runs; no reboot */
	const char **reload;	 /* with modules: "NAME [param=value]...", loaded again */
	size_t n_reload;
	const char *cmdline_extra;    /* added to the trial's command line; may be NULL */
	const struct testplan *tests; /* to pass before it is confirmed; may be NULL */
};

/* A connection made ahead of a deploy, or why there is none. */
struct greeting {
	bool made;
	struct client *client;
	int r;
	struct kf_error err;
};

enum verdict { VERDICT_NONE, VERDICT_PASS, VERDICT_FAIL, VERDICT_ERROR };

/* Before a build: is the board there, is its agent, could the chain be armed?  So that
 * nothing is built for a board that cannot take it. */
int deploy_check(const struct config *cfg, struct ui *ui, const char *board,
		 const struct deploy_opts *opts, struct kf_error *err) _must_check_;
/* Connect while the kernel is not ready yet; takes timeout.connect at the most.  What it
 * came to is told by the deploy that gets it. */
void deploy_greet(const struct config *cfg, const char *board,
		  const struct deploy_opts *opts, struct greeting *g);
void greeting_fini(struct greeting *g);
/* The whole of it.  run gets artifacts, steps and the verdict, which goes by patterns of
 * the log.  greeting may be NULL;
 * what is in it is used up.  Returns the exit status. */
int deploy_run(const struct config *cfg, struct ui *ui, const char *board,
	       const struct kernel *k, const struct deploy_opts *opts,
	       const struct patterns *patterns, struct greeting *greeting,
	       struct run *run);

#endif
