/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The profile's health checks: commands run on the board by its agent; all must exit 0.
 */
#include <string.h>

#include "controller/deploy/deploy_internal.h"
#include "controller/suite/boardcmd.h"
#include "proto/reason.h"

static int check(struct deploy *d, const char *line, struct kf_error *err)
{
	_buf_ struct buf out = BUF_INIT;
	_free_ char **argv = NULL;
	const char *said;
	int status = 0;
	int r = config_words(line, &argv);

	if (r < 0)
		return kf_err(err, r, KF_REASON_CONFIG,
			      "health.checks: a quote is not closed in: %s", line);
	if (!argv[0])
		return 0;
	ui_progress(d->ui, "health", d->board, 0, 0, line);
	r = boardcmd_run(d->client, (const char *const *)argv,
			 config_ms(d->cfg, d->board, "timeout.health"), &out, &status,
			 err);
	if (r < 0 && deploy_is_lost(err))
		return r;
	if (r == -ECANCELED)
		return r;
	if (r < 0) {
		err->reason = KF_REASON_UNHEALTHY;
		return kf_err_wrap(err, "health check failed: %s", line);
	}
	if (status == 0)
		return 0;
	said = boardcmd_last_line(&out);
	return kf_err(err, -EIO, KF_REASON_UNHEALTHY,
		      "health check failed: %s: exit status %d%s%.200s", line, status,
		      *said ? ": " : "", said);
}

int health_check(struct deploy *d, struct kf_error *err)
{
	const char *lines = config_get(d->cfg, d->board, "health.checks");
	unsigned done = 0;

	while (lines && *lines) {
		size_t n = strcspn(lines, "\n");
		_free_ char *line = strndup(lines, n);
		int r;

		if (!line)
			return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
		r = check(d, line, err);
		if (r < 0)
			return r;
		done++;
		lines += n + (lines[n] == '\n');
	}
	if (done > 0)
		run_set(d->run, "health_checks", json_integer(done));
	return 0;
}
