/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A deploy of modules alone: the kernel that runs goes on, and finds the new ones in
 * /lib/modules until the next boot.  What is loaded again (--reload) is judged by what
 * the kernel says from then on; without that there is no verdict to reach.
 */
#include <string.h>

#include "controller/deploy/deploy_internal.h"
#include "controller/deploy/wait.h"
#include "controller/module/module_call.h"
#include "controller/module/module_log.h"
#include "controller/strf.h"
#include "proto/base/clock.h"
#include "proto/reason.h"

#define NAMES_SHOWN 3 /* of changed modules, in the step's line */

/* What was shown, kept beyond the message. */
struct shown {
	char release[LIMIT_RELEASE + 1];
	uint64_t log_us;
	uint32_t changed, total;
	char **names; /* ends with NULL */
	size_t n_names;
};

static void shown_fini(struct shown *s)
{
	for (size_t i = 0; i < s->n_names; i++)
		free(s->names[i]);
	free(s->names);
}

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

/* --- before anything is sent ---------------------------------------------------- */

static int check_running(const struct deploy *d, const Kferry__Status *st,
			 struct kf_error *err)
{
	const struct manifest *m = d->k ? &d->k->manifest : NULL;

	if (!*st->running_slot)
		return kf_err(
			err, -ENOTSUP, KF_REASON_NOT_RUNNING,
			"--modules: the board runs a kernel that kferry did not boot "
			"(%s), and its modules are never replaced; boot one of yours "
			"first (kferry deploy)",
			st->release);
	if (m && strcmp(m->release, st->release) != 0)
		return kf_err(err, -ENOTSUP, KF_REASON_NOT_RUNNING,
			      "--modules: this kernel is %s, and the board runs %s: its "
			      "modules need their own image (kferry deploy)",
			      m->release, st->release);
	if (m && m->build_id && *st->build_id && strcmp(m->build_id, st->build_id) != 0)
		return kf_err(
			err, -ENOTSUP, KF_REASON_NOT_RUNNING,
			"--modules: the image has changed: its build-id is %.12s, "
			"that of the running kernel %.12s; only a boot shows whether "
			"it works (kferry deploy)",
			m->build_id, st->build_id);
	return 0;
}

int modules_check_board(struct deploy *d, struct kf_error *err)
{
	const Kferry__Status *st;
	int r = module_call_check(d->client, d->board, err);

	if (r == 0)
		r = deploy_status(d, &st, err);
	if (r < 0)
		return r;
	snprintf(d->old_boot, sizeof(d->old_boot), "%s", st->boot_id);
	return check_running(d, st, err);
}

/* --- showing them --------------------------------------------------------------- */

static int copy_shown(const Kferry__ModulesShown *m, struct shown *ret,
		      struct kf_error *err)
{
	snprintf(ret->release, sizeof(ret->release), "%s", m->release);
	ret->log_us = m->log_us;
	ret->changed = m->changed;
	ret->total = m->total;
	ret->names = calloc(m->n_name + 1, sizeof(*ret->names));
	if (!ret->names)
		return no_memory(err);
	for (; ret->n_names < m->n_name; ret->n_names++) {
		ret->names[ret->n_names] = strdup(m->name[ret->n_names]);
		if (!ret->names[ret->n_names])
			return no_memory(err);
	}
	return 0;
}

/* " (a, b, ...)"; "" when there are none.  NULL: no memory. */
static char *some_names(const struct shown *s)
{
	char *all = strdup("");

	for (size_t i = 0; all && i < s->n_names && i <= NAMES_SHOWN; i++) {
		char *more = strf("%s%s%s", all, i ? ", " : " (",
				  i == NAMES_SHOWN ? "..." : s->names[i]);

		free(all);
		all = more;
	}
	if (all && *all) {
		char *closed = strf("%s)", all);

		free(all);
		all = closed;
	}
	return all;
}

static void say_shown(struct deploy *d, const struct shown *s, int64_t took_ms)
{
	_free_ char *names = some_names(s);
	json_t *list = json_array();
	json_t *fields;

	for (size_t i = 0; i < s->n_names; i++)
		json_array_append_new(list, json_string(s->names[i]));
	fields = json_pack("{s:s, s:s, s:i, s:i, s:o}", "slot", d->k->slot, "release",
			   s->release, "changed", (int)s->changed, "total", (int)s->total,
			   "names", list);
	run_step(d->run, "modules", took_ms, json_incref(fields));
	ui_step(d->ui, "modules", d->board, took_ms, fields,
		"%u of %u modules changed%s; shown over /lib/modules/%s until the next "
		"boot",
		s->changed, s->total, names ? names : "", s->release);
}

static int show(struct deploy *d, struct shown *ret, struct kf_error *err)
{
	int64_t start = clock_now_ms();
	const Kferry__ModulesShown *m;
	int r = module_call_show(d->client, d->k->slot,
				 deploy_deadline(d, "timeout.install"), &m, err);

	if (r == 0 && strcmp(m->slot, d->k->slot) != 0)
		r = kf_err(err, -EPROTO, KF_REASON_PROTOCOL,
			   "the agent shows the modules of %s instead of %s", m->slot,
			   d->k->slot);
	if (r == 0)
		r = copy_shown(m, ret, err);
	if (r < 0)
		return r;
	d->stage = DEPLOY_SHOWN;
	say_shown(d, ret, clock_now_ms() - start);
	return 0;
}

/* What changed and is loaded is the old one still. */
static int note_loaded(struct deploy *d, const struct shown *s, struct kf_error *err)
{
	const Kferry__Modules *m;
	char *names = strdup("");
	int r = 0;

	if (s->n_names > 0)
		r = module_call_list(d->client, s->names, s->n_names,
				     deploy_deadline(d, "timeout.connect"), &m, err);
	for (size_t i = 0; r == 0 && s->n_names > 0 && names && i < m->n_module; i++) {
		char *more;

		if (strcmp(m->module[i]->slot, d->k->slot) == 0)
			continue;
		more = strf("%s %s", names, m->module[i]->name);
		free(names);
		names = more;
	}
	if (r == 0 && names && *names)
		ui_note(d->ui,
			"           still loaded as before:%s; `kferry module reload%s` "
			"changes that",
			names, names);
	free(names);
	return r;
}

/* --- loading them again --------------------------------------------------------- */

static int reload_one(struct deploy *d, const char *text, struct kf_error *err)
{
	_module_spec_ struct module_spec spec = {0};
	int64_t start = clock_now_ms();
	const Kferry__ModuleChange *m;
	_free_ char *said = NULL;
	json_t *fields;
	int r = module_spec_parse(text, &spec, err);

	if (r < 0)
		return r;
	ui_progress(d->ui, "reload", d->board, 0, 0, spec.name);
	r = module_call_change(d->client, KFERRY__MODULE_ACTION__MODULE_RELOAD, &spec,
			       deploy_deadline(d, "timeout.install"), &m, err);
	if (r < 0)
		return r;
	said = module_call_text(spec.name, m);
	fields = module_call_json("reload", spec.name, m);
	run_step(d->run, "reload", clock_now_ms() - start, json_incref(fields));
	ui_step(d->ui, "reload", d->board, clock_now_ms() - start, fields, "%s",
		said ? said : spec.name);
	return 0;
}

static int take_log(struct deploy *d, const struct shown *s, struct kf_error *err)
{
	struct module_log l = {.client = d->client,
			       .ui = d->ui,
			       .board = d->board,
			       .since_us = s->log_us,
			       .deadline = deploy_deadline(d, "timeout.health"),
			       .classifier = d->classifier,
			       .fd = run_create(d->run, "dmesg", err)};
	int r = l.fd < 0 ? l.fd : module_log_take(&l, err);

	cleanup_close(&l.fd);
	if (!d->log)
		d->log = strdup("dmesg");
	evidence_save_findings(d);
	return r;
}

/* The connection is lost while a module comes or goes: the board may have died of it. */
static int look_again(struct deploy *d, struct kf_error *err)
{
	int64_t limit = config_ms(d->cfg, d->board, "timeout.reboot") +
			config_ms(d->cfg, d->board, "timeout.confirm");
	struct kf_error why = *err;
	const struct finding *worst;
	struct wait_boot boot;
	int r;

	wait_boot_init(&boot, d->client);
	boot.old_boot_id[0] = '\0';
	ui_note(d->ui, "%s: %s; waiting to see what became of the board", d->board,
		why.msg);
	client_close(d->client);
	d->client = NULL;
	*err = (struct kf_error){0};
	r = wait_for_boot(d->cfg, d->ui, d->board, &boot, deadline_in(limit), &d->client,
			  err);
	if (r < 0)
		return kf_err_wrap(err, "after the connection was lost (%s)", why.msg);
	if (strcmp(client_hello(d->client)->boot_id, d->old_boot) == 0) {
		*err = why;
		return kf_err_wrap(err,
				   "the board runs on, and what became of the module "
				   "`kferry module list` tells");
	}
	if (evidence_of_boot(d, d->old_boot, err) < 0)
		ui_warn(d->ui, "%s: the dead kernel's log could not be fetched: %s",
			d->board, err->msg);
	*err = (struct kf_error){0};
	evidence_save_findings(d);
	worst = findings_cause(evidence_findings(d));
	if (worst && worst->severity >= SEVERITY_ERROR)
		return verdict_by_finding(worst, KF_REASON_UNHEALTHY, err);
	return kf_err(err, -EIO, KF_REASON_UNHEALTHY,
		      "the board rebooted while the module was loaded again; it left no "
		      "panic and no oops");
}

static bool may_have_died(const struct kf_error *err)
{
	return deploy_is_lost(err) || err->reason == KF_REASON_TIMEOUT;
}

static int judge(struct deploy *d, const struct shown *s, char text[static 256],
		 struct kf_error *err)
{
	struct kf_error failed = {0};
	const struct finding *worst;
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->opts->n_reload; i++)
		r = reload_one(d, d->opts->reload[i], &failed);
	if (r == -ECANCELED || (r < 0 && may_have_died(&failed))) {
		*err = failed;
		return r == -ECANCELED ? r : look_again(d, err);
	}
	if (take_log(d, s, err) < 0)
		return may_have_died(err) ? look_again(d, err) : err->code;
	worst = findings_cause(evidence_findings(d));
	if (worst && worst->severity >= SEVERITY_ERROR)
		return verdict_by_finding(worst, KF_REASON_UNHEALTHY, err);
	if (r < 0) {
		*err = failed;
		return r;
	}
	snprintf(text, 256,
		 "reloaded; %s; until the next boot, which shows the slot's own "
		 "modules",
		 worst && worst->severity >= SEVERITY_WARN
			 ? "warnings in the kernel's log"
			 : "no new kernel findings");
	return 0;
}

int modules_drive(struct deploy *d, char text[static 256], struct kf_error *err)
{
	_cleanup_(shown_fini) struct shown s = {.names = NULL};
	int r = modules_check_board(d, err);

	if (r == 0)
		r = deploy_push(d, err);
	if (r == 0)
		r = show(d, &s, err);
	if (r < 0)
		return r;
	if (d->opts->n_reload > 0)
		return judge(d, &s, text, err);
	r = note_loaded(d, &s, err);
	return r < 0 ? r : 1;
}
