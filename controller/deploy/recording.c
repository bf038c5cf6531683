/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A deploy and the board's console.  The recorder (controller/console/record.h) writes
 * what comes; here it is found which part of that is the trial's, and this part is looked
 * through like every other log.
 */
#include <fcntl.h>
#include <string.h>

#include "controller/console/boots.h"
#include "controller/console/record.h"
#include "controller/deploy/deploy_internal.h"
#include "controller/log/logfile.h"
#include "controller/log/signature.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define OPEN_MS	   3000 /* a reboot waits for a console that is about to open */
#define MIB_MAX	   (1u << 20)
#define TITLE_SIZE FINDING_TITLE_MAX

struct recording {
	struct deploy *d;
	struct console_spec spec;
	char *where, *who;
	struct record *record;
	int raw_fd, text_fd, log_fd;
	uint64_t from; /* where the text began when the reboot was asked for */
	uint64_t fed;  /* how far it was looked through */
	bool silence_noted, starts_noted, sure;
	uint64_t trial[2]; /* of the text; equal: none was found */
};

int recording_check(const struct deploy *d, struct kf_error *err)
{
	_console_spec_ struct console_spec spec = {0};
	struct kf_error inner = {0};
	int r = console_spec_of(d->cfg, d->board, &spec, &inner);

	if (r == 0 || r == -ENOENT)
		return 0;
	*err = inner;
	return r;
}

/* On the recorder's thread. */
static void say(void *arg, enum record_event event, const char *text)
{
	struct recording *g = arg;
	struct ui *ui = g->d->ui;
	const char *board = g->d->board;

	ui_board(ui, board, false);
	switch (event) {
	case RECORD_OPEN:
		ui_debug(ui, "%s: its console (%s) is recorded", board, g->where);
		break;
	case RECORD_LOST:
		ui_warn(ui, "%s: console: %s; it is tried again", board, text);
		break;
	case RECORD_BACK:
		ui_note(ui, "%s: the console is there again", board);
		break;
	case RECORD_FATAL:
		ui_note(ui, "%s: %s", board, text);
		break;
	case RECORD_SILENT:
		ui_note(ui, "%s: the console is silent; it said last: %s", board,
			*text ? text : "nothing");
		break;
	case RECORD_FULL:
		ui_warn(ui,
			"%s: console: not all of it is kept (%s; console.limit), the "
			"rest "
			"is only counted",
			board, text);
		break;
	}
}

static void free_recording(struct recording *g)
{
	if (!g)
		return;
	record_free(g->record);
	cleanup_close(&g->raw_fd);
	cleanup_close(&g->text_fd);
	cleanup_close(&g->log_fd);
	console_spec_fini(&g->spec);
	free(g->where);
	free(g->who);
	free(g);
}

static int create_files(struct recording *g, struct kf_error *err)
{
	struct run *run = g->d->run;

	g->raw_fd = run_create_both(run, "console.raw", err);
	if (g->raw_fd < 0)
		return g->raw_fd;
	g->log_fd = run_create(run, "console.log", err);
	if (g->log_fd < 0)
		return g->log_fd;
	if (g->spec.kind != CONSOLE_NETCONSOLE)
		return 0;
	g->text_fd = run_create_both(run, "console.txt", err);
	return g->text_fd < 0 ? g->text_fd : 0;
}

static int start(struct recording *g, struct kf_error *err)
{
	struct deploy *d = g->d;
	uint64_t mib = config_uint(d->cfg, d->board, "console.limit");
	struct record_opts opts = {
		.spec = &g->spec,
		.patterns = d->patterns,
		.limit = (mib < MIB_MAX ? mib : MIB_MAX) << 20,
		.silence_ms = config_ms(d->cfg, d->board, "console.silence"),
		.say = say,
		.arg = g,
	};
	int r = create_files(g, err);

	if (r < 0)
		return r;
	g->where = console_spec_describe(&g->spec);
	g->who = strf("kferry deploy %s, which records to %s", d->board, run_dir(d->run));
	opts.who = g->who;
	opts.raw_fd = g->raw_fd;
	opts.text_fd = g->text_fd;
	opts.log_fd = g->log_fd;
	r = g->where && g->who ? record_start(&opts, &g->record) : -ENOMEM;
	return r < 0 ? kf_err(err, r, KF_REASON_IO, "record the console: %m") : 0;
}

void recording_start(struct deploy *d)
{
	struct recording *g = calloc(1, sizeof(*g));
	struct kf_error err = {0};
	int r = g ? 0 : -ENOMEM;

	if (g) {
		*g = (struct recording){
			.d = d, .raw_fd = -1, .text_fd = -1, .log_fd = -1};
		r = console_spec_of(d->cfg, d->board, &g->spec, &err);
	}
	if (r == 0)
		r = start(g, &err);
	if (r == 0) {
		d->recording = g;
		return;
	}
	if (r != -ENOENT) {
		ui_warn(d->ui, "%s: console: %s", d->board,
			*err.msg ? err.msg : "no memory");
		run_set(d->run, "console", json_pack("{s:s}", "warning", err.msg));
	}
	free_recording(g);
}

void recording_reboot(struct deploy *d)
{
	struct record_stats s;

	if (!d->recording)
		return;
	record_wait_open(d->recording->record, deadline_in(OPEN_MS));
	record_stats(d->recording->record, &s);
	d->recording->from = d->recording->fed = s.text;
}

void recording_away(struct deploy *d, bool away)
{
	if (d->recording)
		record_away(d->recording->record, away);
}

/* --- findings -------------------------------------------------------------------- */

/* A finding that no line of the log is. */
static void add_finding(struct deploy *d, enum severity severity, const char *class_name,
			const char *title)
{
	struct findings *f = evidence_findings(d);
	struct finding *it = finding_new();
	bool kept;

	if (!it)
		return;
	it->severity = severity;
	it->boot = 1;
	it->class_name = strdup(class_name);
	it->title = strdup(title);
	it->first_line = strdup(title);
	it->source = strdup(RECORDING_SOURCE);
	it->phase = strdup("boot");
	if (!it->class_name || !it->title || !it->first_line || !it->source ||
	    signature_set(it) < 0) {
		finding_free(it);
		return;
	}
	if (findings_add(f, it, &kept) == 0 && kept)
		findings_settle(f, it);
}

/* A healthy kernel may be quiet; one that never came back is not. */
static enum severity how_bad(struct deploy *d, bool came_up)
{
	const struct finding *worst = findings_cause(evidence_findings(d));

	if (came_up)
		return SEVERITY_INFO;
	return worst && worst->severity >= SEVERITY_ERROR ? SEVERITY_WARN
							  : SEVERITY_ERROR;
}

static void note_silence(struct deploy *d, bool came_up)
{
	struct recording *g = d->recording;
	char title[TITLE_SIZE], time[16];
	struct record_stats s;

	record_stats(g->record, &s);
	if (!s.silent || g->silence_noted)
		return;
	g->silence_noted = true;
	snprintf(title, sizeof(title),
		 "nothing came from the console for %s while the board did not answer; "
		 "last: %s",
		 text_duration(s.silent_ms, time), *s.last ? s.last : "nothing");
	add_finding(d, how_bad(d, came_up), "silence", title);
}

static void note_starts(struct deploy *d, unsigned extra, bool came_up)
{
	struct recording *g = d->recording;
	char title[TITLE_SIZE];

	if (extra == 0 || g->starts_noted)
		return;
	g->starts_noted = true;
	snprintf(
		title, sizeof(title),
		"a kernel started %u time%s more than the trial and the way back explain",
		extra, extra == 1 ? "" : "s");
	/* What runs now was seen running: it is for people to look at. */
	add_finding(d, came_up ? SEVERITY_WARN : how_bad(d, false), "reboot", title);
}

/* --- the trial's part ------------------------------------------------------------- */

static int text_fd(const struct recording *g)
{
	return g->text_fd >= 0 ? g->text_fd : g->raw_fd;
}

static int feed(struct deploy *d, uint64_t from, uint64_t to)
{
	int r = classifier_source(d->classifier, RECORDING_SOURCE, "boot");

	return r < 0 ? r : logfile_part(d->classifier, text_fd(d->recording), from, to);
}

/* The log to name in the verdict is the one that tells why. */
static int name_log(struct deploy *d, bool has_text)
{
	const struct finding *worst = findings_cause(evidence_findings(d));
	char *name;

	if (!(has_text && !d->log) && !(worst && worst->severity >= SEVERITY_ERROR &&
					strcmp(worst->source, RECORDING_SOURCE) == 0))
		return 0;
	name = strdup("console.log");
	if (!name)
		return -ENOMEM;
	free(d->log);
	d->log = name;
	return 0;
}

static int look_at_trial(struct deploy *d, bool fell_back, struct boots_trial *ret)
{
	struct recording *g = d->recording;
	const char *banner = d->k->manifest.banner;
	_free_ struct boots *b = malloc(sizeof(*b));
	const struct boot_part *p;
	int r = b ? boots_find(text_fd(g), g->from, d->patterns, banner, b) : -ENOMEM;

	if (r < 0 || !boots_trial(b, fell_back, banner != NULL, ret))
		return r;
	p = &b->part[ret->part];
	g->trial[0] = p->from;
	g->trial[1] = p->to;
	g->sure = ret->sure;
	r = feed(d, p->from > g->fed ? p->from : g->fed, p->to);
	g->fed = p->to > g->fed ? p->to : g->fed;
	return r < 0 ? r : name_log(d, p->to > p->from);
}

static void collect(struct deploy *d, bool fell_back, bool came_up)
{
	struct boots_trial trial = {0};
	int r = look_at_trial(d, fell_back, &trial);

	if (r < 0)
		ui_warn(d->ui, "%s: what the console said could not be looked at: %s",
			d->board, strerror(-r));
	/* One more is that of the power cycle. */
	if (d->rescue.tried && trial.extra > 0)
		trial.extra--;
	note_starts(d, trial.extra, came_up);
	note_silence(d, came_up);
}

void recording_evidence(struct deploy *d, bool fell_back)
{
	if (d->recording)
		collect(d, fell_back, !fell_back);
}

/* The kernel's fault is what it said itself, and said to be it; but a board that no power
 * cycle brought back is lost, whatever began that. */
int recording_not_back(struct deploy *d, struct kf_error *err)
{
	struct kf_error found = {0};
	const struct finding *worst;

	if (!d->recording)
		return err->code;
	collect(d, true, false);
	evidence_save_findings(d);
	worst = findings_cause(evidence_findings(d));
	if (!worst || worst->severity < SEVERITY_ERROR)
		return err->code;
	verdict_by_finding(worst, KF_REASON_UNHEALTHY, &found);
	if (!d->recording->sure || strcmp(worst->class_name, "silence") == 0 ||
	    err->reason == KF_REASON_BOARD_LOST) {
		found.code = err->code;
		found.reason = err->reason;
	}
	return kf_err(err, found.code, found.reason, "%.300s; %.400s", found.msg,
		      err->msg);
}

static json_t *result(const struct recording *g)
{
	struct record_stats s;
	json_t *j;

	record_stats(g->record, &s);
	j = json_pack("{s:s, s:b, s:I, s:I, s:i}", "where", g->where, "opened",
		      (int)s.opened, "bytes", (json_int_t)s.bytes, "dropped",
		      (json_int_t)s.dropped, "lost", (int)s.lost);
	if (*s.why) {
		_buf_ struct buf b = BUF_INIT;

		if (text_escape(&b, s.why, strlen(s.why), false) == 0 && buf_str(&b))
			json_object_set_new(j, "warning", json_string(buf_str(&b)));
	}
	if (s.full)
		json_object_set_new(j, "full", json_true());
	if (s.silent)
		json_object_set_new(j, "silent_ms", json_integer(s.silent_ms));
	if (g->trial[1] > g->trial[0])
		json_object_set_new(j, "trial",
				    json_pack("[I, I]", (json_int_t)g->trial[0],
					      (json_int_t)g->trial[1]));
	return j;
}

void recording_end(struct deploy *d)
{
	if (!d->recording)
		return;
	record_stop(d->recording->record);
	run_set(d->run, "console", result(d->recording));
	free_recording(d->recording);
	d->recording = NULL;
}
