/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * After the reboot: what runs, is it healthy, and if not, why.  PASS is earned by seeing
 * the very kernel that was sent run, its checks pass and its log free of faults, and the
 * board take the confirmation.
 */
#include <string.h>

#include "controller/deploy/deploy_internal.h"
#include "controller/suite/testrun.h"
#include "proto/base/clock.h"
#include "proto/reason.h"
#include "proto/text.h"

#define RECONNECTS 3 /* a board that goes down may answer once more on its way */

/* What the agent said runs, kept beyond the message. */
struct running {
	char boot_id[BOOT_ID_SIZE];
	char release[LIMIT_RELEASE + 1];
	char slot[SLOT_ID_SIZE];
	const char
		*matched; /* "build-id", "banner", "slot"; NULL: it is another kernel */
	bool waits;	  /* for a confirmation; a reboot ends its trial */
	bool not_tried; /* the agent knows of no trial that this boot could have ended */
	bool is_default;
	bool fell_back; /* the slot's trial ended in an earlier boot */
	uint64_t deadline_left_ms;
	bool kexec; /* the agent says that it was started so */
	struct timeline times;
};

static size_t line_len(const char *s)
{
	return strcspn(s, "\n");
}

/* By build-id where both have one, else by the banner.  The slot must agree too: another
 * slot may hold the same image with other modules. */
static const char *match(const struct kernel *k, const Kferry__Status *st)
{
	const struct manifest *m = &k->manifest;
	bool slot = strcmp(st->running_slot, k->slot) == 0;

	if (!slot)
		return NULL;
	if (m->build_id && *st->build_id)
		return strcmp(m->build_id, st->build_id) == 0 ? "build-id" : NULL;
	if (m->banner && *st->banner)
		return line_len(st->banner) == strlen(m->banner) &&
				       strncmp(st->banner, m->banner,
					       strlen(m->banner)) == 0
			       ? "banner"
			       : NULL;
	/* Its release and the agent's word are no proof where a better one was promised.
	 */
	if (m->build_id || m->banner)
		return NULL;
	return strcmp(st->release, m->release) == 0 ? "slot" : NULL;
}

bool verdict_waits(const Kferry__Status *st)
{
	return st->trial == KFERRY__TRIAL__TRIAL_RUNNING || st->deadline_left_ms > 0;
}

static int look(struct deploy *d, struct running *ret, struct kf_error *err)
{
	const Kferry__Status *st;
	int r = deploy_status(d, &st, err);

	if (r < 0)
		return r;
	*ret = (struct running){0};
	snprintf(ret->boot_id, sizeof(ret->boot_id), "%s", st->boot_id);
	snprintf(ret->release, sizeof(ret->release), "%s", st->release);
	snprintf(ret->slot, sizeof(ret->slot), "%s", st->running_slot);
	ret->matched = match(d->k, st);
	ret->not_tried = st->trial == KFERRY__TRIAL__TRIAL_NONE ||
			 st->trial == KFERRY__TRIAL__TRIAL_ARMED;
	ret->fell_back = st->trial == KFERRY__TRIAL__TRIAL_FELL_BACK &&
			 strcmp(st->trial_slot, d->k->slot) == 0;
	ret->waits = verdict_waits(st);
	ret->deadline_left_ms = st->deadline_left_ms;
	ret->kexec = st->kexec;
	snprintf(d->known_good, sizeof(d->known_good), "%s", st->known_good);
	timeline_find(&d->boot, st, clock_now_ms(), &ret->times);
	ret->is_default = strcmp(st->default_slot, d->k->slot) == 0;
	return 0;
}

static void say_reboot(struct deploy *d, const struct running *now, int64_t took_ms)
{
	char took[16], parts[TIMELINE_TEXT];
	json_t *fields;

	if (took_ms < 0)
		return;
	fields = json_pack("{s:s, s:s, s:b, s:o*}", "release", now->release, "slot",
			   now->slot, "matches", now->matched != NULL, "timeline",
			   timeline_json(&now->times));
	timeline_text(&now->times, parts);
	run_step(d->run, "reboot", took_ms, json_incref(fields));
	json_object_set_new(fields, "took_ms", json_integer(took_ms));
	text_duration(took_ms, took);
	if (now->matched)
		ui_step(d->ui, "reboot", d->board, -1, fields,
			"back after %s%s, running %s (%s matches)", took, parts,
			d->k->slot, now->matched);
	else if (strcmp(now->slot, d->k->slot) == 0)
		ui_step(d->ui, "reboot", d->board, -1, fields,
			"back after %s%s, but %s runs under the name of %s", took, parts,
			now->release, d->k->slot);
	else if (now->not_tried)
		ui_step(d->ui, "reboot", d->board, -1, fields,
			"back after %s with %s; %s was not started", took, now->release,
			d->k->slot);
	else
		ui_step(d->ui, "reboot", d->board, -1, fields,
			"fell back to %s%s%s%s after %s (trial %s did not confirm)",
			now->release, *now->slot ? " (" : "", now->slot,
			*now->slot ? ")" : "", took, d->k->slot);
}

/* The title without what its class says already. */
static const char *short_title(const struct finding *f)
{
	static const char head[] = "Kernel panic - not syncing: ";

	return strncmp(f->title, head, strlen(head)) == 0 ? f->title + strlen(head)
							  : f->title;
}

/* The title of a silence says where it was. */
static bool only_on_console(const struct finding *f)
{
	return strcmp(f->source, RECORDING_SOURCE) == 0 && !f->also[0] &&
	       strcmp(f->class_name, "silence") != 0;
}

int verdict_by_finding(const struct finding *f, int reason, struct kf_error *err)
{
	return kf_err(err, -EIO, reason, "%s: \"%s\"%s%s", f->class_name, short_title(f),
		      only_on_console(f) ? " on the console" : "",
		      f->known ? "; the known-good kernel says that, too" : "");
}

/* The findings of a kernel that is dead are whole, but for what r and why say. */
static void settle_findings(struct deploy *d, int r, struct kf_error *why)
{
	recording_evidence(d, true);
	if (r < 0 || baseline_compare(d, why) < 0)
		ui_warn(d->ui, "%s: the dead kernel's log could not be fetched: %s",
			d->board, why->msg);
	evidence_save_findings(d);
}

/* The board came back with something else.  Evidence that cannot be had does not change
 * the verdict. */
static int fell_back(struct deploy *d, const struct running *now, struct kf_error *err)
{
	struct kf_error inner = {0};
	const struct finding *worst;
	int r;

	if (now->not_tried && !*d->trial_boot)
		return kf_err(
			err, -EIO, KF_REASON_NOT_TRIED,
			"the board came back with %s before it had started the "
			"kernel: power, a watchdog or somebody reset it. The slot is "
			"still there; deploy it again",
			now->release);
	r = evidence_of_trial(d, now->boot_id, &inner);
	settle_findings(d, r, &inner);
	worst = findings_cause(evidence_findings(d));
	if (worst && worst->severity >= SEVERITY_ERROR)
		return verdict_by_finding(worst, KF_REASON_FELL_BACK, err);
	return kf_err(err, -EIO, KF_REASON_FELL_BACK,
		      "the trial kernel did not %s up; it left no panic and no oops%s",
		      *d->trial_boot ? "stay" : "come", d->log ? "" : ", and no log");
}

/* The slot is what the board boots by default as well: it runs again, in another boot
 * than the one that was judged, or should have been.  boot_id: "" if no record is of it.
 */
static int died(struct deploy *d, const char *boot_id, const char *how,
		struct kf_error *err)
{
	struct kf_error inner = {0};
	const struct finding *worst;
	int r = *boot_id ? evidence_of_boot(d, boot_id, &inner) : 0;

	settle_findings(d, r, &inner);
	worst = findings_cause(evidence_findings(d));
	if (worst && worst->severity >= SEVERITY_ERROR)
		return verdict_by_finding(worst, KF_REASON_UNHEALTHY, err);
	return kf_err(err, -EIO, KF_REASON_UNHEALTHY,
		      "%s runs, but the board rebooted %s; it left no panic and no oops",
		      d->k->slot, how);
}

/* Is this the boot to judge, or what came after its death? */
static int check_boot(struct deploy *d, const struct running *now, struct kf_error *err)
{
	struct kf_error inner = {0};
	char boot_id[BOOT_ID_SIZE] = "";
	int r;

	if (*d->trial_boot)
		return strcmp(d->trial_boot, now->boot_id) == 0
			       ? 0
			       : died(d, d->trial_boot, "while it was judged", err);
	/* Where the board falls back to another slot, it would run that. */
	if (!now->is_default || strcmp(d->old_boot, now->boot_id) == 0)
		return 0;
	r = evidence_find_death(d, now->boot_id, boot_id, &inner);
	if (r == 1 || now->fell_back)
		return died(d, r == 1 ? boot_id : "", "once more before that", err);
	if (r < 0 && deploy_is_lost(&inner)) {
		*err = inner;
		return r;
	}
	if (r < 0)
		ui_warn(d->ui, "%s: whether its first boot died cannot be told: %s",
			d->board, inner.msg);
	return 0;
}

/* Checks and log of the running kernel; nothing is decided on the board. */
static int examine(struct deploy *d, struct kf_error *err)
{
	struct kf_error unhealthy = {0};
	const struct finding *worst;
	int health = health_check(d, &unhealthy);
	int r;

	/* Also where a check could not be run: that may be for a fault of the kernel. */
	if (health < 0 && (deploy_is_lost(&unhealthy) || health == -ECANCELED)) {
		*err = unhealthy;
		return health;
	}
	r = evidence_log(d, err);
	recording_evidence(d, false);
	if (r == 0)
		r = baseline_compare(d, err);
	if (r < 0)
		return r;
	evidence_save_findings(d);
	worst = findings_cause(evidence_findings(d));
	if (worst && worst->severity >= SEVERITY_ERROR)
		return verdict_by_finding(worst, KF_REASON_UNHEALTHY, err);
	if (health < 0) {
		*err = unhealthy;
		return health;
	}
	return 0;
}

/* Good, or (end_only) only no longer under a deadline. */
static int confirm(struct deploy *d, bool make_default, bool end_only,
		   struct kf_error *err)
{
	Kferry__ConfirmRequest q = KFERRY__CONFIRM_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(CONFIRM_REQUEST, confirm_request, &q);
	const Kferry__Envelope *answer;
	int r;

	q.slot = (char *)d->k->slot;
	q.make_default = make_default;
	q.kexec_ok = d->opts->kexec_ok;
	q.end_only = end_only;
	r = client_call(d->client, &env, KFERRY__ENVELOPE__BODY_DONE,
			deploy_deadline(d, "timeout.install"), &answer, err);
	if (r < 0 && !deploy_is_lost(err))
		kf_err_wrap(err, "the kernel is healthy, and the board did not take the "
				 "confirmation");
	return r;
}

/* A kernel that failed while it runs is not left to its deadline. */
static void send_home(struct deploy *d, const struct running *now)
{
	Kferry__RebootRequest q = KFERRY__REBOOT_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(REBOOT_REQUEST, reboot_request, &q);
	const Kferry__Envelope *answer;
	struct kf_error err = {0};

	if (!now->waits || !d->client)
		return;
	q.mode = KFERRY__REBOOT_MODE__REBOOT_NORMAL;
	if (client_call(d->client, &env, KFERRY__ENVELOPE__BODY_DONE,
			deploy_deadline(d, "timeout.connect"), &answer, &err) < 0)
		ui_debug(d->ui, "%s: the reboot was not answered: %s", d->board, err.msg);
	run_set(d->run, "returns", json_true());
	ui_note(d->ui, "%s: rebooting into its known-good kernel", d->board);
}

/* "2 new warnings, 1 known": of what the known-good kernel has as well, or, where there
 * is no log of it, of all. */
static void findings_text(struct deploy *d, char text[static 96])
{
	const struct findings *f = evidence_findings(d);
	unsigned warnings = 0, known = 0;
	int n = 0;

	for (size_t i = 0; i < findings_count(f); i++) {
		const struct finding *it = findings_at(f, i);

		if (it->severity >= SEVERITY_WARN && it->known)
			known++;
		else if (it->severity >= SEVERITY_WARN)
			warnings++;
	}
	if (warnings == 0)
		n = snprintf(text, 96, "no new kernel findings");
	else
		n = snprintf(text, 96, "%u%s warning%s", warnings,
			     d->compared ? " new" : "", warnings == 1 ? "" : "s");
	if (known > 0)
		snprintf(text + n, 96 - (size_t)n, " (%u that the known-good kernel has)",
			 known);
}

static void pass_text(struct deploy *d, bool make_default, char text[static 256])
{
	char found[96], lost[72] = "";

	findings_text(d, found);
	if (d->log_lost > 0)
		snprintf(lost, sizeof(lost), " (%llu record%s of the log lost%s)",
			 (unsigned long long)d->log_lost, d->log_lost == 1 ? "" : "s",
			 d->log_cut ? ", cut at 64 MiB" : "");
	else if (d->log_cut)
		snprintf(lost, sizeof(lost), " (the log was cut at 64 MiB)");
	snprintf(text, 256, "%.50s%s%s%s; %s", d->tested_text, d->tested ? "; " : "",
		 found, lost,
		 d->unproven	? "booted by kexec, not confirmed"
		 : make_default ? "confirmed as default"
				: "confirmed; the default is as it was");
}

/* What a healthy kernel gets: what is the board's already is not asked for again. */
static int accept_kernel(struct deploy *d, const struct running *now, bool make_default,
			 struct kf_error *err)
{
	int r;

	if (!now->waits && !(make_default && !now->is_default) && !d->opts->force &&
	    !now->kexec)
		return 0;
	r = confirm(d, make_default, false, err);
	/* The agent knows whether a real boot has shown it before. */
	if (r == 0 || !now->kexec || err->reason != KF_REASON_NOT_RUNNING)
		return r;
	*err = (struct kf_error){0};
	d->unproven = true;
	return confirm(d, false, true, err);
}

/* The suites of --test, while the trial waits for its confirmation. */
static int run_tests(struct deploy *d, const struct running *now, struct kf_error *err)
{
	bool armed_now = strcmp(d->trial_boot, d->old_boot) != 0;
	int r;

	if (!d->opts->tests || d->tested)
		return 0;
	if (!armed_now && now->waits && now->deadline_left_ms > 0 &&
	    (int64_t)now->deadline_left_ms < testplan_ms(d->opts->tests))
		/* No limit that the board kept us waiting for, as KF_REASON_TIMEOUT is: a
		 * later deploy finds the trial ended. */
		return kf_err(err, -ETIME, KF_REASON_BUSY,
			      "the trial that runs ends in %llu s, before the suites of "
			      "--test can have ended: with --force it is booted again, "
			      "and has the time",
			      (unsigned long long)(now->deadline_left_ms / 1000));
	r = testrun(d, d->opts->tests, d->tested_text, err);
	d->tested = r == 0;
	return r;
}

/* It runs and was judged: is it the boot that was? */
static bool is_still_there(const struct deploy *d)
{
	return d->client && strcmp(client_hello(d->client)->boot_id, d->trial_boot) == 0;
}

static int judge(struct deploy *d, int64_t took_ms, struct running *now,
		 char text[static 256], struct kf_error *err)
{
	bool make_default =
		!d->opts->once && !kexec_cannot_be_default(d) &&
		strcmp(config_get(d->cfg, d->board, "deploy.after_pass"), "default") == 0;
	int r = look(d, now, err);

	if (r < 0)
		return r;
	say_reboot(d, now, took_ms);
	if (strcmp(now->slot, d->k->slot) != 0)
		return fell_back(d, now, err);
	if (!now->matched) {
		send_home(d, now);
		return kf_err(err, -EIO, KF_REASON_WRONG_KERNEL,
			      "%s runs, and it is not the kernel that was sent (%s)",
			      now->release, d->k->manifest.release);
	}
	r = check_boot(d, now, err);
	if (r == 0) {
		memcpy(d->trial_boot, now->boot_id, sizeof(d->trial_boot));
		r = examine(d, err);
	}
	if (r == 0)
		r = run_tests(d, now, err);
	if (r == 0)
		r = accept_kernel(d, now, make_default, err);
	if (r < 0) {
		if (err->reason == KF_REASON_UNHEALTHY ||
		    (err->reason == KF_REASON_TESTS && is_still_there(d)))
			send_home(d, now);
		return r;
	}
	pass_text(d, make_default, text);
	return 0;
}

/* The connection broke while the kernel was looked at: it may have died of it. */
static int reconnect(struct deploy *d, int64_t *ret_took, struct kf_error *err)
{
	struct kf_error why = *err;
	int64_t start = clock_now_ms();
	int64_t limit =
		config_ms(d->cfg, d->board, "timeout.reboot") + deploy_confirm_ms(d);
	int r;

	ui_note(d->ui, "%s: %s; waiting to see what became of the kernel", d->board,
		why.msg);
	/* When it went down is not known; its address is. */
	d->boot.asked = d->boot.down = d->boot.back = 0;
	/* Without a reboot (the kernel ran already) any boot will do. */
	snprintf(d->boot.old_boot_id, sizeof(d->boot.old_boot_id), "%s",
		 strcmp(d->trial_boot, d->old_boot) == 0 ? "" : d->old_boot);
	client_close(d->client);
	d->client = NULL;
	*err = (struct kf_error){0};
	recording_away(d, true);
	r = wait_for_boot(d->cfg, d->ui, d->board, &d->boot, deadline_in(limit),
			  &d->client, err);
	if (r == -ETIMEDOUT)
		r = rescue_board(d, err);
	deploy_note_gone(d, r);
	recording_away(d, false);
	if (r < 0)
		return kf_err_wrap(err, "after the connection was lost (%s)", why.msg);
	*ret_took = clock_now_ms() - start;
	return 0;
}

int verdict_reach(struct deploy *d, int64_t took_ms, char text[static 256],
		  struct kf_error *err)
{
	struct running now = {0};
	int r = judge(d, took_ms, &now, text, err);

	for (int i = 0; i < RECONNECTS && r < 0 && deploy_is_lost(err); i++) {
		int64_t took = -1;

		r = reconnect(d, &took, err);
		if (r == 0)
			r = look(d, &now, err);
		if (r == 0)
			r = judge(d, strcmp(now.boot_id, d->trial_boot) ? took : -1, &now,
				  text, err);
	}
	return r;
}
