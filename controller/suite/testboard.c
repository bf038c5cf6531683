// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The connection was lost while a test ran: the board died of it, or the network did.
 * Another boot id, and a board that does not come back, are deaths.
 */
#include <poll.h>
#include <string.h>

#include "controller/cancel.h"
#include "controller/deploy/wait.h"
#include "controller/suite/testrun_internal.h"
#include "proto/base/clock.h"
#include "proto/reason.h"
#include "proto/text.h"

#define LOOKS	3    /* a board that goes down may answer once more on its way */
#define LOOK_MS 1500 /* between them */

static int pause_ms(int ms, struct kf_error *err)
{
	struct pollfd p = {.fd = cancel_fd(), .events = POLLIN};

	poll(&p, 1, ms);
	return atomic_load(cancel_flag())
		       ? kf_err(err, -ECANCELED, KF_REASON_CANCELLED, "cancelled")
		       : 0;
}

/* Connect again, to whatever boot; a board that stays away is power cycled, if it can be.
 */
static int reconnect(struct testrun *t, deadline_ms deadline, struct kf_error *err)
{
	struct deploy *d = t->d;
	struct wait_boot boot = {.asked = clock_now_ms()};
	int r;

	if (d->client)
		client_peer(d->client, &boot.peer);
	client_close(TAKE_PTR(d->client));
	watch_close(&t->watch);
	r = wait_for_boot(d->cfg, t->ui, d->board, &boot, deadline, &d->client, err);
	if (r == -ETIMEDOUT) {
		d->boot = boot;
		r = rescue_board(d, err);
	}
	ui_progress_end(t->ui, d->board);
	return r;
}

/* 1: another boot runs; 0: the same, and it answers. */
static int look(struct testrun *t, deadline_ms deadline, struct kf_error *err)
{
	for (int i = 0; i < LOOKS; i++) {
		const Kferry__Status *st;
		int r = reconnect(t, deadline, err);

		if (r < 0)
			return r;
		if (strcmp(client_hello(t->d->client)->boot_id, t->boot_id) != 0)
			return 1;
		r = pause_ms(LOOK_MS, err);
		if (r == 0)
			r = deploy_status(t->d, &st, err);
		if (r == 0 || r == -ECANCELED)
			return r;
		*err = (struct kf_error){0};
	}
	return 0;
}

/* The worst that was not there before the tests. */
static const struct finding *worst_of(const struct findings *f)
{
	const struct finding *worst = NULL;

	for (size_t i = 0; i < findings_count(f); i++) {
		const struct finding *it = findings_at(f, i);

		if (!it->known && it->severity >= SEVERITY_ERROR &&
		    (!worst || it->severity > worst->severity))
			worst = it;
	}
	return worst && worst->follows && !worst->follows->known ? worst->follows : worst;
}

/* Log and pstore of the boot that died.  What cannot be had changes no verdict. */
static void fetch(struct testrun *t)
{
	struct classifier *before = t->d->classifier;
	struct kf_error err = {0};

	if (classifier_new(t->d->patterns, &t->dead) < 0) {
		t->dead = NULL;
		return;
	}
	t->d->classifier = t->dead;
	t->d->phase = "test";
	if (evidence_of_boot(t->d, t->boot_id, &err) < 0)
		ui_warn(t->ui, "%s: the dead kernel's log could not be fetched: %s",
			t->d->board, err.msg);
	t->d->classifier = before;
	t->d->phase = NULL;
	findings_mark_known(classifier_findings(t->dead), t->before);
}

static void find_cause(struct testrun *t, const char *otherwise)
{
	const struct finding *f = t->dead ? worst_of(classifier_findings(t->dead)) : NULL;
	struct kf_error text = {0};

	if (!f)
		f = worst_of(classifier_findings(t->live));
	if (f)
		verdict_by_finding(f, KF_REASON_TESTS, &text);
	snprintf(t->why, sizeof(t->why), "%.*s", (int)sizeof(t->why) - 1,
		 f ? text.msg : otherwise);
}

bool testboard_may_be_lost(const struct kf_error *err)
{
	return deploy_is_lost(err) || err->reason == KF_REASON_TIMEOUT ||
	       err->reason == KF_REASON_UNREACHABLE || err->reason == KF_REASON_NO_AGENT;
}

void testboard_interrupted(struct testrun *t)
{
	t->stopped = true;
	t->reason = KF_REASON_CANCELLED;
	snprintf(t->why, sizeof(t->why), "interrupted");
}

void testboard_find_out(struct testrun *t, const char *lost)
{
	struct deploy *d = t->d;
	/* The deadline of a trial was set for all of its suites. */
	int64_t limit =
		config_ms(d->cfg, d->board, "timeout.reboot") + deploy_confirm_ms(d);
	struct kf_error why = {0};
	char took[16], text[256];
	int r;

	ui_note(t->ui, "%s: %s; waiting to see what became of the board", d->board, lost);
	r = look(t, deadline_in(limit), &why);
	deploy_note_gone(d, r);
	if (r == -ECANCELED) {
		testboard_interrupted(t);
		return;
	}
	if (r == 0) {
		t->stopped = true;
		t->reason = KF_REASON_UNREACHABLE;
		snprintf(t->why, sizeof(t->why),
			 "the connection was lost, and the board runs on: %.300s", lost);
		return;
	}
	t->died = true;
	if (r < 0) {
		snprintf(text, sizeof(text), "the board went down and was not back in %s",
			 text_duration(limit, took));
		ui_warn(t->ui, "%s: %s", d->board, why.msg);
		find_cause(t, text);
		return;
	}
	fetch(t);
	find_cause(t, "the board rebooted; it left no panic and no oops");
}
