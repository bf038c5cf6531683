// SPDX-License-Identifier: GPL-2.0-or-later
/* What became of the boards, in the files that a CI reads. */
#include <string.h>

#include "controller/fleet/deploys_internal.h"
#include "controller/report/report_files.h"
#include "proto/reason.h"

int deploys_report_prepare(const struct cmd_env *env, const struct report_files *files,
			   struct kf_error *err)
{
	const char *origin = config_get(env->cfg, NULL, "report.origin");

	if (files->kcidb && !(origin && report_is_origin(origin)))
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "report.origin takes small letters, digits and _, at most "
			      "64, not \"%s\"",
			      origin ? origin : "");
	return report_files_prepare(files, err);
}

static int add(struct report *r, const struct outcome *o)
{
	struct report_run *run;
	int rc = o->result ? report_add(r, o->result, &run) : 0;

	for (size_t i = 0; rc == 0 && o->result && i < o->n_suites; i++)
		rc = report_add_suite(run, &o->suites[i]);
	if (rc == 0 && o->result && o->run)
		report_files_excerpt(run, o->run);
	return rc;
}

int deploys_report(struct cmd_env *env, const struct report_files *files,
		   const struct outcome *const all[], size_t n)
{
	_report_ struct report r = {0};
	struct report_files f = *files;
	int rc = 0;

	f.origin = config_get(env->cfg, NULL, "report.origin");
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = add(&r, all[i]);
	if (rc < 0)
		ui_warn(env->ui, "no memory for the reports");
	else
		rc = report_files_write(&f, &r, env->ui);
	return rc < 0 ? STATUS_ERROR : STATUS_PASS;
}
