// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/suite/testcall.h"

#include <string.h>

#include "controller/cmd/cmd.h"
#include "controller/strf.h"
#include "controller/suite/testrun.h"
#include "proto/reason.h"
#include "proto/text.h"

/* Which kernel is it? */
static void describe(struct deploy *d, const Kferry__Status *st)
{
	run_set(d->run, "release", json_string(st->release));
	run_set(d->run, "arch", json_string(client_hello(d->client)->arch));
	if (*st->build_id)
		run_set(d->run, "build_id", json_string(st->build_id));
	if (*st->running_slot)
		run_set(d->run, "slot", json_string(st->running_slot));
}

static int drive(struct deploy *d, const struct testplan *plan, char text[static 160],
		 struct kf_error *err)
{
	const Kferry__Status *st;
	int r = deploy_connect(d, err);

	if (r == 0)
		r = deploy_status(d, &st, err);
	if (r < 0)
		return r;
	ui_debug(d->ui, "%s: %s, %s; it runs %s (%s)", d->board,
		 client_describe(d->client), client_hello(d->client)->software,
		 st->release, *st->running_slot ? st->running_slot : "its own kernel");
	describe(d, st);
	if (verdict_waits(st))
		ui_warn(d->ui,
			"%s: the kernel that runs is on trial, and a reboot ends it in "
			"%llu s (`kferry kernels confirm` keeps it)",
			d->board, (unsigned long long)(st->deadline_left_ms / 1000));
	return testrun(d, plan, text, err);
}

static void say_verdict(struct deploy *d, const char *verdict, const char *text,
			int status)
{
	_free_ char *log = d->log ? strf("%s/%s", run_dir(d->run), d->log) : NULL;
	json_t *fields = json_pack("{s:s, s:i, s:s}", "verdict", verdict, "status",
				   status, "run", run_dir(d->run));

	if (log)
		json_object_set_new(fields, "log", json_string(log));
	ui_step(d->ui, "verdict", d->board, -1, fields, "%s  %s", verdict, text);
	if (status != STATUS_PASS)
		ui_out(d->ui, "           all of it: %s\n", run_dir(d->run));
}

/* What a board said may be in it. */
static json_t *plain(const char *text)
{
	_buf_ struct buf b = BUF_INIT;
	json_t *j = NULL;

	if (text_escape(&b, text, strlen(text), true) == 0 && buf_str(&b))
		j = json_string(buf_str(&b));
	return j ? j : json_null();
}

static int conclude(struct deploy *d, int r, const char *text, struct kf_error *err)
{
	int status = r < 0 ? cmd_status(err->reason) : STATUS_PASS;
	const char *verdict = r == 0 ? "PASS" : status == STATUS_FAIL ? "FAIL" : "ERROR";

	run_set(d->run, "verdict", json_string(verdict));
	if (r < 0) {
		run_set(d->run, "reason", json_string(reason_name(err->reason)));
		text = err->msg;
	}
	run_set(d->run, "text", plain(text));
	run_set(d->run, "status", json_integer(status));
	if (d->log)
		run_set(d->run, "log", json_string(d->log));
	say_verdict(d, verdict, text, status);
	return status;
}

int testcall(const struct config *cfg, struct ui *ui, const char *board,
	     const struct testplan *plan, const struct patterns *patterns,
	     struct run *run)
{
	static const struct deploy_opts opts = {.no_reboot = false};
	struct deploy d = {.cfg = cfg,
			   .ui = ui,
			   .board = board,
			   .opts = &opts,
			   .run = run,
			   .patterns = patterns};
	struct kf_error err = {0};
	char text[160] = "";
	int r = 0, status;

	ui_debug(ui, "%s: all of this run is kept in %s", board, run_dir(run));
	if (classifier_new(patterns, &d.classifier) < 0)
		r = kf_err(&err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (r == 0)
		r = drive(&d, plan, text, &err);
	status = conclude(&d, r, text, &err);
	run_tell_error(run, ui, board);
	client_close(d.client);
	classifier_free(d.classifier);
	free(d.log);
	return status;
}
