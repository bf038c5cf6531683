/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Putting the agent on a board, or bringing it up to date: its binary, its configuration
 * (from the board's), its init files, the group kferry with the login in it.  Everything
 * is sent from here; the board downloads nothing.  What is right already is left alone,
 * and each change is told.
 *
 * Root where the login is root, else through sudo: without a password where that works,
 * else with one that is asked for on the terminal, once, and kept in memory until the
 * end of the setup only.
 */
#ifndef KF_SETUP_H
#define KF_SETUP_H

#include "controller/config/config.h"
#include "controller/ui/ui.h"

/* *ret_changes: how many things were changed.  force: a read-only file system that has to
 * be written to is made writable for the moment, as setup.unlock and setup.lock say. */
int setup_board(const struct config *cfg, struct ui *ui, const char *board, bool force,
		unsigned *ret_changes, struct kf_error *err) _must_check_;

#endif
