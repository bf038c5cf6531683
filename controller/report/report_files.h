/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files that a call was asked to leave for a CI: reports, and the runs' own files. */
#ifndef KF_REPORT_FILES_H
#define KF_REPORT_FILES_H

#include "controller/report/report.h"
#include "controller/ui/ui.h"

/* Paths, NULL: not asked for. */
struct report_files {
	const char *junit, *ktap, *kcidb, *summary, *artifacts;
	const char *origin; /* of KCIDB's objects */
	bool annotations;
};

/*
 * Before anything is done: make the directories that the files are to be in, and see that
 * they can be written.  A report of an earlier call is removed, so that it is not taken
 * for this one's if this one is killed.
 */
int report_files_prepare(const struct report_files *f, struct kf_error *err) _must_check_;
/* All reports; the summary is appended to what is there.  Goes on after an error, which
 * is told as a warning; returns the first. */
int report_files_write(const struct report_files *f, const struct report *r,
		       struct ui *ui);
/* Copy a run's directory to <artifacts>/<board>/, in place of an earlier one's there. */
int report_files_keep(const struct report_files *f, const char *run_dir,
		      const char *board, struct kf_error *err) _must_check_;
/* The end of the log that a run names, if it has one. */
void report_files_excerpt(struct report_run *run, const char *run_dir);

#endif
