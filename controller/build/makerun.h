/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A make that takes long: what it prints goes to a log file in the tree's cache
 * directory, and to build.log; the user sees a progress line (with -v the output itself),
 * and at the end what was wrong.
 *
 * What a build warned of, and how long it took, is kept beside the log.  A file of these
 * that cannot be read or written is told and costs nothing but the comparison.
 */
#ifndef KF_MAKERUN_H
#define KF_MAKERUN_H

#include "controller/build/warnset.h"
#include "controller/config/config.h"
#include "controller/kernel/tree.h"
#include "controller/ui/ui.h"

struct makerun_opts {
	const char *stage;    /* what the user sees it called: "build", "doc" */
	const char *log_name; /* "build.log" */
	bool is_build; /* it is compared with the build before, and its end is estimated
			*/
};

struct makerun_result {
	char *log_path;
	unsigned errors, warnings;
	bool compared; /* there was a build before; else all warnings are new */
	struct warnset *warnings_of;
	struct warndiff diff; /* of warnings_of */
	int64_t took_ms;
};

void makerun_result_fini(struct makerun_result *r);

/* words: for make, -j is added.  ret is filled in as far as it came, also on failure:
 * KF_REASON_BUILD when make failed.  Warnings and errors have been shown. */
int makerun(const struct config *cfg, struct ui *ui, const char *board,
	    const struct tree *t, const char *const words[],
	    const struct makerun_opts *opts, struct makerun_result *ret,
	    struct kf_error *err) _must_check_;

#endif
