/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/bisect/show.h"

#include <fcntl.h>
#include <string.h>

#include "controller/git/git.h"
#include "controller/report/report.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define SHORT "%.12s" /* of a commit */
#define CELL  200

static const char *took_text(const json_t *step, char took[static 16])
{
	return text_duration(step_took_ms(step), took);
}

void show_log(struct ui *ui, const struct bisect *b)
{
	for (size_t i = 0; i < steps_count(&b->steps); i++) {
		json_t *step = json_array_get(b->steps.list, i);
		json_t *event = json_pack("{s:s}", "event", "bisect-step");
		enum judged verdict = step_verdict(step);
		char took[16];

		json_object_update(event, step);
		ui_json(ui, event);
		ui_out_paint(ui, verdict == JUDGED_GOOD ? UI_PLAIN : UI_BOLD, "%-5s",
			     judge_name(verdict));
		ui_out(ui, "  " SHORT "  %7s  %s%s\n", step_text(step, "commit"),
		       took_text(step, took), step_is_end(step) ? "(an end) " : "",
		       step_text(step, "subject"));
		if (verdict != JUDGED_GOOD)
			ui_out(ui, "       %s%s%s\n", step_text(step, "board"),
			       *step_text(step, "board") ? ": " : "",
			       step_text(step, "text"));
		if (verdict != JUDGED_GOOD && *step_text(step, "run"))
			ui_out(ui, "       %s\n", step_text(step, "run"));
	}
	if (b->steps.damaged > 0)
		ui_warn(ui, "%u lines of %s/" STEPS_FILE " are damaged, and left out",
			b->steps.damaged, b->dir);
}

void show_step(struct ui *ui, const json_t *step)
{
	json_t *fields = json_deep_copy(step);
	enum judged verdict = step_verdict(step);
	const char *text = step_text(step, "text");

	json_object_del(fields, "text");
	json_object_del(fields, "board");
	ui_step(ui, "bisect", *step_text(step, "board") ? step_text(step, "board") : NULL,
		step_took_ms(step), fields, "%s  " SHORT " %s%s%s%s", judge_name(verdict),
		step_text(step, "commit"), step_text(step, "subject"),
		verdict == JUDGED_GOOD ? "" : " (", verdict == JUDGED_GOOD ? "" : text,
		verdict == JUDGED_GOOD ? "" : ")");
}

void show_next(struct ui *ui, const char *commit, const char *subject, unsigned left,
	       unsigned total, unsigned commits, int64_t usual_ms)
{
	char took[16] = "";

	if (usual_ms >= 0)
		text_duration(usual_ms * left, took);
	ui_note(ui, "%u of about %u steps left, %u commits%s%s: " SHORT " %s", left,
		total, commits, *took ? ", about " : "", took, commit, subject);
}

/* --- the end ------------------------------------------------------------------------ */

static json_t *commit_json(const struct bisect *b, const char *commit, char **ret_subject,
			   struct kf_error *err)
{
	json_t *j;

	if (git_subject(b->src, commit, ret_subject, err) < 0)
		return NULL;
	j = json_pack("{s:s, s:s}", "commit", commit, "subject", *ret_subject);
	if (!j)
		kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	return j;
}

static int show_candidates(struct ui *ui, const struct bisect *b, const struct ending *e,
			   json_t *list, struct kf_error *err)
{
	if (e->n > 0)
		ui_out_paint(
			ui, UI_BOLD,
			"one of these %zu is the first bad commit; which one cannot be "
			"told, as what was skipped is among them:\n",
			e->n);
	for (size_t i = 0; i < e->n; i++) {
		const char *commit = e->candidates[i];
		_free_ char *subject = NULL;
		json_t *one = commit_json(b, commit, &subject, err);
		bool skipped = false;

		if (!one)
			return err->code;
		for (size_t k = 0; k < steps_count(&b->steps) && !skipped; k++) {
			const json_t *step = json_array_get(b->steps.list, k);

			skipped = step_verdict(step) == JUDGED_SKIP &&
				  strcmp(step_text(step, "commit"), commit) == 0;
		}
		json_array_append_new(list, one);
		ui_out(ui, "  " SHORT "  %s%s\n", commit, skipped ? "(skipped) " : "",
		       subject);
	}
	return 0;
}

static void show_guilty(struct ui *ui, const struct bisect *b, const char *commit,
			const char *subject)
{
	const json_t *step = steps_find(&b->steps, commit, false);

	ui_out_paint(ui, UI_BOLD, "first bad commit: " SHORT " %s\n", commit, subject);
	ui_out(ui, "  %s\n", commit);
	if (!step)
		return;
	ui_out(ui, "  %s\n", step_text(step, "text"));
	if (*step_text(step, "run"))
		ui_out(ui, "  log: %s\n", step_text(step, "run"));
}

int show_ending(struct ui *ui, const struct bisect *b, const struct ending *e,
		struct kf_error *err)
{
	json_t *list = json_array(), *first = json_null();
	_free_ char *subject = NULL;
	int rc = 0;

	if (*e->first_bad) {
		first = commit_json(b, e->first_bad, &subject, err);
		if (!first)
			rc = err->code;
		else
			show_guilty(ui, b, e->first_bad, subject);
	} else {
		rc = show_candidates(ui, b, e, list, err);
	}
	if (rc == 0)
		ui_json(ui, json_pack("{s:s, s:O, s:O, s:O, s:i, s:i, s:i}", "event",
				      "bisect-result", "first_bad", first, "candidates",
				      list, "steps", b->steps.list, "good",
				      (int)steps_number(&b->steps, JUDGED_GOOD), "bad",
				      (int)steps_number(&b->steps, JUDGED_BAD), "skipped",
				      (int)steps_number(&b->steps, JUDGED_SKIP)));
	json_decref(list);
	json_decref(first);
	return rc;
}

/* --- Markdown ----------------------------------------------------------------------- */

static int heading(struct buf *out, const struct bisect *b, const struct ending *e,
		   struct kf_error *err)
{
	_free_ char *subject = NULL;
	int rc = 0;

	if (*e->first_bad) {
		rc = git_subject(b->src, e->first_bad, &subject, err);
		if (rc < 0)
			return rc;
		rc = buf_printf(out, "### First bad commit: `" SHORT "` ", e->first_bad);
		if (rc == 0)
			rc = report_markdown_cell(out, subject, CELL);
	} else if (e->n > 0) {
		rc = buf_printf(out, "### One of %zu commits is the first bad one\n",
				e->n);
		for (size_t i = 0; rc == 0 && i < e->n; i++)
			rc = buf_printf(out, "\n- `" SHORT "`", e->candidates[i]);
	} else {
		rc = buf_printf(out, "### Bisect: not at its end");
	}
	return rc == 0 ? buf_printf(out, "\n\n| Verdict | Commit | Took | Subject | Why "
					 "|\n|---|---|---:|---|---|\n")
		       : rc;
}

static int row(struct buf *out, const json_t *step)
{
	char took[16];
	int rc = buf_printf(out, "| %s | `" SHORT "` | %s | ",
			    judge_name(step_verdict(step)), step_text(step, "commit"),
			    took_text(step, took));

	if (rc == 0)
		rc = report_markdown_cell(out, step_text(step, "subject"), CELL);
	if (rc == 0)
		rc = buf_append(out, " | ", 3);
	if (rc == 0)
		rc = report_markdown_cell(out, step_text(step, "text"), CELL);
	return rc == 0 ? buf_append(out, " |\n", 3) : rc;
}

static int open_summary(const char *path, struct kf_error *err)
{
	int fd = fs_open_beneath(AT_FDCWD, path,
				 O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

	return fd < 0 ? kf_err(err, fd, KF_REASON_IO, "write the summary %s: %m", path)
		      : fd;
}

int show_summary_check(const char *path, struct kf_error *err)
{
	_close_ int fd = open_summary(path, err);

	return fd < 0 ? fd : 0;
}

int show_summary(const char *path, const struct bisect *b, const struct ending *e,
		 struct kf_error *err)
{
	_close_ int fd = open_summary(path, err);
	_buf_ struct buf out = BUF_INIT;
	int rc = fd < 0 ? fd : heading(&out, b, e, err);

	for (size_t i = 0; rc == 0 && i < steps_count(&b->steps); i++)
		rc = row(&out, json_array_get(b->steps.list, i));
	if (rc == 0) {
		rc = fs_write_all(fd, buf_data(&out), buf_len(&out));
		if (rc < 0)
			kf_err(err, rc, KF_REASON_IO, "write the summary %s: %m", path);
	}
	if (rc < 0 && !err->code)
		kf_err(err, rc, KF_REASON_NO_MEMORY, "no memory");
	return rc;
}
