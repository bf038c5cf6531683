/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The profile's health checks: commands run on the board by its agent; all must exit 0.
 * One that could not be run tells nothing of the kernel.
 */
#include <string.h>

#include "controller/deploy/deploy_internal.h"
#include "controller/suite/boardcmd.h"
#include "proto/reason.h"

/* It did not come to an end: a kernel that hangs keeps it, or the board is gone. */
static int not_ended(const char *line, struct kf_error *err)
{
	if (deploy_is_lost(err) || err->code == -ECANCELED)
		return err->code;
	if (err->reason != KF_REASON_TIMEOUT)
		return kf_err_wrap(err, "health check could not be run: %s", line);
	err->reason = KF_REASON_UNHEALTHY;
	return kf_err_wrap(err, "health check failed: %s", line);
}

static int ended(const char *line, int status, struct buf *out, struct kf_error *err)
{
	/* As shells and env(1) have it. */
	bool started = status != 126 && status != 127;
	const char *said = boardcmd_last_line(out);

	if (status == 0)
		return 0;
	return kf_err(err, -EIO, started ? KF_REASON_UNHEALTHY : KF_REASON_EXEC,
		      "health check %s: %s: exit status %d%s%.200s",
		      started ? "failed" : "could not be run", line, status,
		      *said ? ": " : "", said);
}

static int check(struct deploy *d, const char *line, struct kf_error *err)
{
	_buf_ struct buf out = BUF_INIT;
	_free_ char **argv = NULL;
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
	return r < 0 ? not_ended(line, err) : ended(line, status, &out, err);
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
