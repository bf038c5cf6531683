/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does the profile fit the board?  What the configuration says of a board, held against
 * what its agent found.
 */
#ifndef KF_FIT_H
#define KF_FIT_H

#include "controller/client.h"
#include "controller/config/config.h"

/* One call for each contradiction; text is one line that says both and what to do. */
typedef void (*fit_fn)(void *arg, const char *text);
void fit_check(const struct config *cfg, const char *board, const Kferry__Hello *hello,
	       const Kferry__Facts *facts, fit_fn fn, void *arg);

/* The boot chain alone, which a deploy cannot do without: KF_REASON_BOOT_CHAIN, naming
 * the profile's, the board's and what to do. */
int fit_chain(const struct config *cfg, const char *board, const Kferry__Facts *facts,
	      struct kf_error *err) _must_check_;
/* build.arch against the agent's. */
int fit_arch(const struct config *cfg, const char *board, const Kferry__Hello *hello,
	     struct kf_error *err) _must_check_;

#endif
