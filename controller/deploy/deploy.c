/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A deploy from beginning to end: connect, look, push, arm, reboot, wait, verdict. Errors
 * before the reboot leave the board as it was; after it the board looks after itself, and
 * what remains is to find out and to say what happened.
 */
#include "controller/deploy/deploy.h"

#include <string.h>

#include "controller/cmd/cmd.h"
#include "controller/deploy/deploy_internal.h"
#include "controller/deploy/fit.h"
#include "controller/deploy/wait.h"
#include "controller/strf.h"
#include "controller/suite/testplan.h"
#include "proto/base/clock.h"
#include "proto/reason.h"
#include "proto/text.h"

#define REASONS_MAX 680 /* bytes of all chains' reasons in one message */
#define REASON_MIN  48	/* of one, at least */

deadline_ms deploy_deadline(const struct deploy *d, const char *key)
{
	return deadline_in(config_ms(d->cfg, d->board, key));
}

int64_t deploy_confirm_ms(const struct deploy *d)
{
	return config_ms(d->cfg, d->board, "timeout.confirm") +
	       (d->opts->tests ? testplan_ms(d->opts->tests) : 0);
}

bool deploy_is_lost(const struct kf_error *err)
{
	return err->reason == KF_REASON_CONNECTION;
}

void deploy_note_gone(struct deploy *d, int r)
{
	if (r == -ETIMEDOUT || r == -ENODEV)
		run_set_board(d->run, RUN_BOARD_GONE);
}

/* What the board is; valid until the next use of the client. */
static int get_facts(struct deploy *d, const Kferry__Facts **ret, struct kf_error *err)
{
	Kferry__FactsRequest q = KFERRY__FACTS_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(FACTS_REQUEST, facts_request, &q);
	const Kferry__Envelope *answer;
	int r = client_call(d->client, &env, KFERRY__ENVELOPE__BODY_FACTS,
			    deploy_deadline(d, "timeout.connect"), &answer, err);

	if (r == 0)
		*ret = answer->facts;
	return r;
}

static bool has_reason(const Kferry__Chain *c)
{
	return !c->usable && *c->reason;
}

/* How much of each reason is shown, so that each chain's is: only the longest are cut.
 * `board info` has all of them. */
static size_t reason_limit(const Kferry__Facts *facts)
{
	size_t limit = REASONS_MAX, total;

	do {
		limit -= 4;
		total = 0;
		for (size_t i = 0; i < facts->n_chain; i++) {
			const Kferry__Chain *c = facts->chain[i];

			if (has_reason(c))
				total += strlen(c->name) + strnlen(c->reason, limit) + 4;
		}
	} while (total > REASONS_MAX && limit > REASON_MIN);
	return limit;
}

/* Why no chain can be armed, as the board tells it. */
static int no_chain(const Kferry__Facts *facts, struct kf_error *err)
{
	_buf_ struct buf why = {.max = REASONS_MAX};
	int limit = (int)reason_limit(facts), r = 0;

	for (size_t i = 0; r == 0 && i < facts->n_chain; i++) {
		const Kferry__Chain *c = facts->chain[i];

		if (has_reason(c))
			r = buf_printf(&why, "%s%s: %.*s", buf_len(&why) ? "; " : "",
				       c->name, limit, c->reason);
	}
	return kf_err(err, -EOPNOTSUPP, KF_REASON_BOOT_CHAIN,
		      "no boot chain of the board can boot a kernel once%s%s",
		      buf_len(&why) ? ": " : "", buf_len(&why) ? buf_str(&why) : "");
}

/* The chain that is asked for has to be one that the board has: said before anything is
 * built or sent.  in_use: the one that the agent would choose. */
static int check_chain(struct deploy *d, const char *in_use, struct kf_error *err)
{
	const char *want = config_get(d->cfg, d->board, "boot.chain");
	const Kferry__Facts *facts = NULL;
	int r;

	if (*in_use && (!want || strcmp(want, in_use) == 0))
		return 0;
	r = get_facts(d, &facts, err);
	if (r == 0)
		r = fit_chain(d->cfg, d->board, facts, err);
	if (r < 0)
		return r;
	return *in_use || want ? 0 : no_chain(facts, err);
}

static int check_board(struct deploy *d, struct kf_error *err)
{
	const Kferry__Status *st;
	_free_ char *in_use = NULL;
	int r = kexec_check_allowed(d, err);

	if (r == 0)
		r = recording_check(d, err);
	if (r == 0)
		r = deploy_connect(d, err);
	if (r == 0)
		r = fit_arch(d->cfg, d->board, client_hello(d->client), err);
	if (r == 0 && d->opts->modules)
		return modules_check_board(d, err);
	if (r == 0 && kexec_is_wanted(d))
		return kexec_check_board(d, err);
	if (r == 0)
		r = deploy_status(d, &st, err);
	if (r < 0)
		return r;
	in_use = strdup(st->chain);
	return in_use ? check_chain(d, in_use, err)
		      : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

int deploy_check(const struct config *cfg, struct ui *ui, const char *board,
		 const struct deploy_opts *opts, struct kf_error *err)
{
	struct deploy d = {.cfg = cfg, .ui = ui, .board = board, .opts = opts};
	int r = check_board(&d, err);

	client_close(d.client);
	return r;
}

/* Ask for the reboot; the answer may get lost in it. */
static int start_reboot(struct deploy *d, struct kf_error *err)
{
	Kferry__RebootRequest q = KFERRY__REBOOT_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(REBOOT_REQUEST, reboot_request, &q);
	const Kferry__Envelope *answer;
	int r;

	q.mode = d->kexec ? KFERRY__REBOOT_MODE__REBOOT_KEXEC
			  : KFERRY__REBOOT_MODE__REBOOT_NORMAL;
	r = client_call(d->client, &env, KFERRY__ENVELOPE__BODY_DONE,
			deploy_deadline(d, "timeout.connect"), &answer, err);
	if (r < 0 && !deploy_is_lost(err))
		return r;
	*err = (struct kf_error){0};
	client_close(d->client);
	d->client = NULL;
	return 0;
}

/* What nothing on the board ends: a hang before its watchdog was started. */
static const char *unwatched(const struct deploy *d)
{
	const char *starts = config_get(d->cfg, d->board, "watchdog.starts");

	if (starts && strcmp(starts, "early") == 0)
		return "; its watchdog starts with user space (watchdog.starts): if the "
		       "kernel hung before, somebody has to reset the board";
	if (starts && strcmp(starts, "none") == 0)
		return "; it has no watchdog (watchdog.starts): if the kernel hung, "
		       "somebody has to reset the board";
	return "";
}

static int reboot(struct deploy *d, int64_t *ret_took, struct kf_error *err)
{
	int64_t limit =
		config_ms(d->cfg, d->board, "timeout.reboot") + deploy_confirm_ms(d);
	int r;

	/* The one that armed: since the deploy began the board may have lost its power.
	 */
	snprintf(d->old_boot, sizeof(d->old_boot), "%s",
		 client_hello(d->client)->boot_id);
	recording_reboot(d);
	wait_boot_init(&d->boot, d->client);
	r = start_reboot(d, err);
	if (r < 0)
		return r;
	d->stage = DEPLOY_REBOOTED;
	recording_away(d, true);
	ui_progress(d->ui, "reboot", d->board, 0, 0, NULL);
	r = wait_for_boot(d->cfg, d->ui, d->board, &d->boot, deadline_in(limit),
			  &d->client, err);
	if (r == -ETIMEDOUT) {
		kf_err_wrap(err,
			    "the board did not come back (timeout.reboot and "
			    "timeout.confirm)%s",
			    unwatched(d));
		r = rescue_board(d, err);
	}
	*ret_took = clock_now_ms() - d->boot.asked;
	deploy_note_gone(d, r);
	recording_away(d, false);
	return r == -ETIMEDOUT || r == -ENODEV ? recording_not_back(d, err) : r;
}

static void say_installed(struct deploy *d, int64_t took_ms)
{
	json_t *fields = json_pack("{s:s, s:b}", "slot", d->k->slot, "armed", 0);

	run_step(d->run, "install", took_ms, json_incref(fields));
	ui_step(d->ui, "install", d->board, took_ms, fields,
		"slot %s is there and not armed", d->k->slot);
	ui_note(d->ui, "           to boot it once: the same `kferry deploy` without "
		       "--no-reboot");
}

/* Is there nothing to send and nothing to boot?  What runs by kexec only is booted again
 * where that proves something. */
static bool runs_already(const struct deploy *d, const Kferry__Status *st)
{
	if (strcmp(st->running_slot, d->k->slot) != 0 || d->opts->force ||
	    d->opts->no_reboot)
		return false;
	/* What it boots with next time has not been seen to boot. */
	if (st->restaged)
		return false;
	/* With another slot's modules it is not this very kernel; also when they are no
	 * longer shown, for they may be loaded. */
	if (st->modules_changed ||
	    (*st->modules_slot && strcmp(st->modules_slot, d->k->slot) != 0))
		return false;
	return !st->kexec || kexec_is_wanted(d) ||
	       strcmp(st->default_slot, d->k->slot) == 0;
}

/* The kernel runs: what is there is judged. */
static int stay(struct deploy *d, const Kferry__Status *st, char text[static 256],
		struct kf_error *err)
{
	snprintf(d->chain, sizeof(d->chain), "%s", *st->chain ? st->chain : "kexec");
	d->stage = DEPLOY_REBOOTED;
	ui_note(d->ui, "%s: this very kernel runs already; nothing to send", d->board);
	return verdict_reach(d, -1, text, err);
}

/* Steps up to a verdict.  1: there is none to reach (--no-reboot). */
static int drive(struct deploy *d, char text[static 256], struct kf_error *err)
{
	const Kferry__Status *st;
	int64_t pushed, took = 0;
	bool runs;
	int r = kexec_check_allowed(d, err);

	if (r == 0)
		r = recording_check(d, err);
	if (r == 0)
		r = deploy_connect(d, err);
	if (r == 0 && d->opts->modules)
		return modules_drive(d, text, err);
	if (r == 0 && kexec_is_wanted(d))
		r = kexec_check_agent(d, err);
	if (r == 0)
		r = deploy_status(d, &st, err);
	if (r < 0)
		return r;
	ui_debug(d->ui, "%s: %s, %s; it runs %s (%s), boot chain %s", d->board,
		 client_describe(d->client), client_hello(d->client)->software,
		 st->release, *st->running_slot ? st->running_slot : "its own kernel",
		 *st->chain ? st->chain : "none");
	snprintf(d->old_boot, sizeof(d->old_boot), "%s", st->boot_id);
	runs = runs_already(d, st);
	if (runs && !d->opts->cmdline_extra && strcmp(st->default_slot, d->k->slot) == 0)
		return stay(d, st, text, err);
	if (!d->opts->no_reboot) {
		_free_ char *in_use = strdup(st->chain);

		r = in_use ? check_chain(d, in_use, err)
			   : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	}
	if (r == 0 && !d->opts->no_reboot)
		recording_start(d);
	if (r == 0)
		r = deploy_push(d, err);
	/* Only the agent knows whether it was booted with this command line. */
	if (r == 0 && runs)
		r = deploy_status(d, &st, err);
	if (r < 0)
		return r;
	if (runs && runs_already(d, st))
		return stay(d, st, text, err);
	pushed = clock_now_ms();
	if (d->opts->no_reboot) {
		say_installed(d, -1);
		return 1;
	}
	r = deploy_arm(d, pushed, err);
	if (r == 0)
		r = reboot(d, &took, err);
	return r < 0 ? r : verdict_reach(d, took, text, err);
}

static void describe(struct deploy *d)
{
	const struct manifest *m = &d->k->manifest;

	run_set(d->run, "slot", json_string(d->k->slot));
	run_set(d->run, "release", json_string(m->release));
	run_set(d->run, "arch", json_string(m->arch));
	if (m->build_id)
		run_set(d->run, "build_id", json_string(m->build_id));
	if (m->commit)
		run_set(d->run, "commit", json_string(m->commit));
	if (m->branch)
		run_set(d->run, "branch", json_string(m->branch));
	run_set(d->run, "dirty", json_boolean(m->dirty));
}

/* Other modules in a kernel that runs confirm nothing. */
static bool is_confirmed(const struct deploy *d)
{
	return !d->unproven && !d->opts->modules;
}

static void say_verdict(struct deploy *d, const char *verdict, const char *text,
			int status)
{
	_free_ char *log = d->log ? strf("%s/%s", run_dir(d->run), d->log) : NULL;
	json_t *fields = json_pack("{s:s, s:s, s:i, s:s}", "verdict", verdict, "slot",
				   d->k->slot, "status", status, "run", run_dir(d->run));
	int64_t took = -1;

	if (log)
		json_object_set_new(fields, "log", json_string(log));
	if (status == STATUS_PASS)
		json_object_set_new(fields, "confirmed", json_boolean(is_confirmed(d)));
	/* The last part of the boot's time line. */
	if (d->boot.back)
		took = clock_now_ms() - d->boot.back;
	ui_step(d->ui, "verdict", d->board, took, fields, "%s  %s", verdict, text);
	kexec_say_unproven(d);
	if (status != STATUS_PASS)
		ui_out(d->ui, "           log: %s\n", log ? log : run_dir(d->run));
}

static int conclude(struct deploy *d, int r, const char *text, const struct kf_error *err)
{
	int status = r < 0 ? cmd_status(err->reason) : STATUS_PASS;
	const char *verdict = r < 0 ? status == STATUS_FAIL ? "FAIL" : "ERROR" : "PASS";
	bool judged = d->stage == DEPLOY_REBOOTED || d->stage == DEPLOY_SHOWN;

	if (r == 1) {
		run_set(d->run, "verdict", json_null());
		return STATUS_PASS;
	}
	run_set(d->run, "verdict", json_string(verdict));
	if (r < 0) {
		run_set(d->run, "reason", json_string(reason_name(err->reason)));
		text = err->msg;
	}
	run_set(d->run, "text", run_json_text(text));
	run_set(d->run, "status", json_integer(status));
	if (r == 0)
		run_set(d->run, "confirmed", json_boolean(is_confirmed(d)));
	if (d->log)
		run_set(d->run, "log", run_json_text(d->log));
	if (r < 0 && !judged)
		ui_error(d->ui, d->board, err);
	if (r == 0 || judged || ui_is_json(d->ui))
		say_verdict(d, verdict, text, status);
	return status;
}

/* What was left behind, and who sees to it. */
static void say_interrupted(const struct deploy *d, struct kf_error *err)
{
	char most[16];

	if (d->rescue.interrupted)
		return;
	if (d->stage == DEPLOY_SENDING)
		kf_err(err, err->code, err->reason,
		       "interrupted; the board boots what it booted before, and keeps "
		       "what has arrived for the next deploy");
	else if (d->stage == DEPLOY_ARMED)
		kf_err(err, err->code, err->reason,
		       "interrupted; %s may be armed: then the board's next boot is its "
		       "trial, and the one after that is not",
		       d->k->slot);
	else if (d->stage == DEPLOY_SHOWN)
		kf_err(err, err->code, err->reason,
		       "interrupted; the modules of %s are shown until the next boot, or "
		       "`kferry module restore -b %s`",
		       d->k->slot, d->board);
	else
		kf_err(err, err->code, err->reason,
		       "interrupted; a trial of %s that nobody confirms ends by itself "
		       "(at most %s after its start), `kferry kernels confirm -b %s` "
		       "keeps it",
		       d->k->slot, text_duration(deploy_confirm_ms(d), most), d->board);
}

int deploy_run(const struct config *cfg, struct ui *ui, const char *board,
	       const struct kernel *k, const struct deploy_opts *opts,
	       const struct patterns *patterns, struct greeting *greeting,
	       struct run *run)
{
	struct deploy d = {.cfg = cfg,
			   .ui = ui,
			   .board = board,
			   .k = k,
			   .opts = opts,
			   .patterns = patterns,
			   .greeting = greeting,
			   .run = run};
	struct kf_error err = {0};
	char text[256] = "";
	int status, r = 0;

	ui_debug(ui, "%s: all of this run is kept in %s", board, run_dir(run));
	describe(&d);
	if (classifier_new(d.patterns, &d.classifier) < 0)
		r = kf_err(&err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (r == 0)
		r = drive(&d, text, &err);
	if (r < 0 && err.reason == KF_REASON_CANCELLED)
		say_interrupted(&d, &err);
	else if (d.classifier)
		decoded_findings(&d);
	recording_end(&d);
	rescue_tell(&d, r, text, &err);
	status = conclude(&d, r, text, &err);
	run_tell_error(run, ui, board);
	client_close(d.client);
	classifier_free(d.classifier);
	free(d.log);
	return status;
}
