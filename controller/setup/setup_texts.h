/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of a setup that are made from the configuration; each appends to b. */
#ifndef KF_SETUP_TEXTS_H
#define KF_SETUP_TEXTS_H

#include "controller/setup/setup_paths.h"

/* /etc/kferry/agent.conf */
int setup_conf_text(const struct config *cfg, const char *board,
		    struct buf *b) _must_check_;
/* Drop-in of kferryd.service: shows it the hidden directories that it is in. */
int setup_sandbox_text(const struct setup_paths *p, struct buf *b) _must_check_;
/* Drop-in of a unit that loads ramoops and takes the records: a copy is left in
 * <state>/pstore, where the agent collects it. */
int setup_pstore_text(const struct setup_paths *p, struct buf *b) _must_check_;

#endif
