/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where suite files are, each on top of those before it:
 *
 *	suites/ beside the program, or where `make install` put them
 *	the directories of KF_SUITE_PATH (colons between), in their order
 *	the user's ~/.config/kferry/suites/
 *	the kernel tree's .kferry/suites/
 */
#ifndef KF_SUITEFIND_H
#define KF_SUITEFIND_H

#include "controller/config/config.h"
#include "controller/suite/suitefile.h"

/* The suite of that name.  KF_REASON_USAGE: there is none. */
int suitefind_load(const struct config *cfg, const char *name, struct suitefile *ret,
		   struct kf_error *err) _must_check_;
/* Their names, sorted; a NULL-terminated block for free(). */
int suitefind_names(const struct config *cfg, char ***ret) _must_check_;

#endif
