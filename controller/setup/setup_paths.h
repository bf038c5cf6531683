/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the agent's parts are on one board.  The files of agent/units name the usual
 * places; on a board whose root file system belongs to its image they are elsewhere, and
 * the files are changed on their way.
 */
#ifndef KF_SETUP_PATHS_H
#define KF_SETUP_PATHS_H

#include <stdbool.h>

#include "controller/config/config.h"
#include "proto/base/buf.h"

struct setup_paths {
	const char *agent;    /* agent.path; the configuration's */
	const char *state;    /* agent.state_dir; likewise */
	const char *deadline; /* the script beside the agent; never below /home */
	char *agent_dir;      /* owned */
	/* kferryd.service hides the directories that they are in. */
	bool agent_hidden, state_hidden;
};

/* KF_REASON_CONFIG for paths that a unit file cannot hold. */
int setup_paths_init(const struct config *cfg, const char *board, struct setup_paths *ret,
		     struct kf_error *err) _must_check_;
void setup_paths_fini(struct setup_paths *p);

/* Append text to *ret, this board's places in it instead of the usual ones. */
int setup_paths_apply(const struct setup_paths *p, const char *text,
		      struct buf *ret) _must_check_;

#endif
