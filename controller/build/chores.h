/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a tree's makefile does besides building the kernel. */
#ifndef KF_BUILD_CHORES_H
#define KF_BUILD_CHORES_H

#include "controller/config/config.h"
#include "controller/ui/ui.h"

/* Its configurator (build.menu), on this terminal. */
int chores_menu(const struct config *cfg, const char *board,
		struct kf_error *err) _must_check_;
/* Its documents (build.doc).  words: directories below Documentation/, and words for make
 * (NAME=VALUE); NULL-terminated. */
int chores_doc(const struct config *cfg, struct ui *ui, const char *board,
	       const char *const words[], struct kf_error *err) _must_check_;
/* Remove what was built; with `all` also the .config and what else is not the source's:
 * then the user is asked first, unless force. */
int chores_clean(const struct config *cfg, struct ui *ui, const char *board, bool all,
		 bool force, struct kf_error *err) _must_check_;

#endif
