/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What deploys.c and deploys_summary.c share; nobody else includes it. */
#ifndef KF_DEPLOYS_INTERNAL_H
#define KF_DEPLOYS_INTERNAL_H

#include "controller/fleet/deploys.h"
#include "controller/results/suite.h"

/* What became of a board: written by its job, read once that has ended. */
struct outcome {
	const char *board;
	int status;
	char verdict[8]; /* "": there was none to reach */
	char reason[24]; /* of the error, as result.json has it; "": none */
	char text[160];
	char slot[SLOT_ID_SIZE];
	char *run;	/* directory, or NULL */
	json_t *result; /* as result.json has it, or NULL */
	struct suite_run *suites;
	size_t n_suites;
	int64_t took_ms;
};

/* Before anything is done: can they be written? */
int deploys_report_prepare(const struct cmd_env *env, const struct report_files *files,
			   struct kf_error *err) _must_check_;
/* The reports that were asked for; a status.  Outcomes without a result are left out. */
int deploys_report(struct cmd_env *env, const struct report_files *files,
		   const struct outcome *const all[], size_t n);
/* The table of several boards, and the event "summary"; skipped: boards that were not
 * tried. */
void deploys_summary(struct ui *ui, const struct outcome *const all[], size_t n,
		     const char *const skipped[], size_t n_skipped);

#endif
