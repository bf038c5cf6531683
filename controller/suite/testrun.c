// SPDX-License-Identifier: GPL-2.0-or-later
/* All suites of a plan, and what they come to. */
#include "controller/suite/testrun.h"

#include <string.h>

#include "controller/suite/flaky.h"
#include "controller/suite/testrun_internal.h"
#include "proto/reason.h"

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

/* What the kernel has said before is not of the tests. */
static int look_before(struct deploy *d, struct kf_error *err)
{
	const char *boot_id = client_hello(d->client)->boot_id;
	int r;

	if (d->log_us > 0)
		return 0;
	r = evidence_look_at(d, 0, boot_id, d->classifier, err);
	if (r == 1) {
		ui_debug(d->ui, "%s: no log before the tests: %s", d->board, err->msg);
		*err = (struct kf_error){0};
	}
	return r < 0 ? r : 0;
}

static int begin(struct testrun *t, struct kf_error *err)
{
	struct deploy *d = t->d;
	int r = look_before(d, err);

	if (r < 0)
		return r;
	snprintf(t->boot_id, sizeof(t->boot_id), "%s", client_hello(d->client)->boot_id);
	t->before = classifier_findings(d->classifier);
	if (classifier_new(d->patterns, &t->live) < 0 ||
	    classifier_source(t->live, "dmesg", "test") < 0)
		return no_memory(err);
	watch_init(&t->watch, d, d->log_us);
	run_set(d->run, "suites", json_incref(t->suites));
	run_set_board(d->run, RUN_BOARD_TOUCHED);
	return 0;
}

static void append(json_t *all, const struct findings *f, bool with_known)
{
	const struct finding *cause = findings_cause(f);

	for (size_t i = 0; i < findings_count(f); i++) {
		const struct finding *it = findings_at(f, i);

		if (with_known || !it->known)
			json_array_append_new(all, finding_json(it, it == cause));
	}
}

/* A deploy's own before those of the tests.  The log of a boot that died, where it could
 * be had, has all that was seen of it live. */
static void save_findings(struct testrun *t)
{
	const struct findings *dead = t->dead ? classifier_findings(t->dead) : NULL;
	struct kf_error err = {0};
	json_t *all = json_array();
	char *text;

	if (t->d->k)
		append(all, t->before, true);
	append(all, dead && findings_count(dead) ? dead : classifier_findings(t->live),
	       !dead);
	text = json_dumps(all, JSON_INDENT(2));
	if (text && run_write(t->d->run, "findings.json", text, strlen(text), &err) < 0)
		ui_warn(t->ui, "%s", err.msg);
	free(text);
	if (t->watch.lost > 0)
		run_set(t->d->run, "log_lost",
			json_integer((json_int_t)(t->watch.lost + t->d->log_lost)));
	run_set(t->d->run, "findings", all);
	if (!t->d->log)
		t->d->log = strdup("dmesg");
}

/* Failures before errors: what a test found is not undone by another that did not run. */
static int judge(const struct testrun *t, char text[static 160], struct kf_error *err)
{
	char flaky[40] = "";

	if (t->failed.code) {
		*err = t->failed;
		return err->code;
	}
	if (t->died)
		return kf_err(err, -EIO, KF_REASON_TESTS, "%s", t->why);
	if (t->stopped)
		return kf_err(err, t->reason == KF_REASON_CANCELLED ? -ECANCELED : -EIO,
			      t->reason, "%s", t->why);
	if (t->broken.code) {
		*err = t->broken;
		return err->code;
	}
	if (t->flaky > 0)
		snprintf(flaky, sizeof(flaky), ", %zu flaky", t->flaky);
	snprintf(text, 160, "%zu suite%s: %llu passed%s", t->plan->n,
		 t->plan->n == 1 ? "" : "s",
		 (unsigned long long)(t->sum.of[TEST_PASS] + t->sum.of[TEST_XPASS]),
		 flaky);
	return 0;
}

int testrun(struct deploy *d, const struct testplan *plan, char text[static 160],
	    struct kf_error *err)
{
	struct testrun t = {.d = d, .plan = plan, .ui = d->ui, .suites = json_array()};
	int r;

	t.watch.fd = -1;
	r = begin(&t, err);
	for (size_t i = 0; r == 0 && i < plan->n; i++) {
		if (t.died || t.stopped)
			r = testsuite_miss(&t, &plan->items[i], i + 1, err);
		else
			r = testsuite_run(&t, &plan->items[i], i + 1, err);
	}
	if (t.live)
		save_findings(&t);
	if (r == 0)
		r = judge(&t, text, err);
	watch_fini(&t.watch);
	classifier_free(t.live);
	classifier_free(t.dead);
	json_decref(t.suites);
	return r;
}
