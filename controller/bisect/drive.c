/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/bisect/drive.h"

#include <string.h>

#include "controller/bisect/bisect_internal.h"
#include "controller/bisect/show.h"
#include "controller/git/git.h"
#include "controller/history/note.h"
#include "proto/reason.h"
#include "proto/text.h"

static json_t *plain(const char *text)
{
	_buf_ struct buf b = BUF_INIT;

	if (text_escape(&b, text, strlen(text), false) < 0)
		return NULL;
	return json_string(buf_len(&b) ? buf_str(&b) : "");
}

static json_t *step_of(const char *commit, const char *subject, const struct trial *t,
		       bool end)
{
	return json_pack(
		"{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:I, s:i, s:o, s:b}", "commit",
		commit, "subject", subject, "verdict", judge_name(t->judged), "reason",
		t->reason ? json_string(reason_name(t->reason)) : json_null(), "text",
		plain(t->text), "board", t->board ? plain(t->board) : json_null(), "run",
		t->run ? plain(t->run) : json_null(), "took_ms", (json_int_t)t->took_ms,
		"attempts", (int)t->attempts, "ended", bisect_time_now(), "end",
		(int)end);
}

/* For kferry report. */
static void note_step(struct cmd_env *env, const struct bisect *b, const char *commit,
		      const struct trial *t)
{
	static const char *const verdicts[] = {
		[JUDGED_GOOD] = "PASS",	   [JUDGED_BAD] = "FAIL",
		[JUDGED_SKIP] = "NONE",	   [JUDGED_FAULT] = "ERROR",
		[JUDGED_STOPPED] = "NONE",
	};
	char release[16];
	const struct history_event e = {.kind = HISTORY_BISECT,
					.started = note_began(t->took_ms),
					.took_ms = t->took_ms,
					.boot_ms = -1,
					.verdict = verdicts[t->judged],
					.reason = judge_name(t->judged),
					.board = t->board,
					.tree = b->src,
					.release = release,
					.run = t->run};

	snprintf(release, sizeof(release), "%.12s", commit);
	note_event(env->cfg, env->ui, &e);
}

/* Test what is checked out and write it down.  JUDGED_STOPPED is not written: nothing was
 * found out. */
static int test(struct cmd_env *env, struct bisect *b, const char *commit,
		const char *subject, const struct drive_opts *opts, bool end,
		enum judged *ret, struct kf_error *err)
{
	_trial_ struct trial t = {0};
	json_t *step;
	int rc;

	trial_run(env, b, commit, &opts->trial, &t);
	*ret = t.judged;
	note_step(env, b, commit, &t);
	if (t.judged == JUDGED_STOPPED)
		return 0;
	step = step_of(commit, subject, &t, end);
	if (!step)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	/* Without a bisect there is nothing to keep it with. */
	rc = b->state ? steps_add(b->dir_fd, &b->steps, json_incref(step), err) : 0;
	if (rc == 0)
		show_step(env->ui, step);
	json_decref(step);
	return rc;
}

/* What was tested before kferry was killed need not be tested again. */
static int test_once(struct cmd_env *env, struct bisect *b, const char *commit,
		     const char *subject, const struct drive_opts *opts, bool end,
		     enum judged *ret, struct kf_error *err)
{
	const json_t *step = steps_find(&b->steps, commit, end);

	if (!step)
		return test(env, b, commit, subject, opts, end, ret, err);
	*ret = step_verdict(step);
	ui_note(env->ui, "%.12s was tested before: %s", commit, judge_name(*ret));
	return 0;
}

/* --- both ends ---------------------------------------------------------------------- */

static int check_end(struct cmd_env *env, struct bisect *b, const char *commit,
		     enum judged want, const struct drive_opts *opts, enum judged *ret,
		     struct kf_error *err)
{
	_free_ char *subject = NULL;
	int rc = git_subject(b->src, commit, &subject, err);

	if (rc == 0)
		rc = git_check_clean(b->src, err);
	if (rc == 0)
		rc = git_checkout(b->src, commit, err);
	if (rc < 0)
		return rc;
	ui_note(env->ui, "an end, said to be %s: %.12s %s", judge_name(want), commit,
		subject);
	rc = test_once(env, b, commit, subject, opts, true, ret, err);
	if (rc < 0 || *ret == want || *ret == JUDGED_STOPPED || *ret == JUDGED_FAULT)
		return rc;
	return kf_err(
		err, -EINVAL, KF_REASON_INVALID,
		"%.12s was said to be %s, and %s: no bisect between these ends finds "
		"anything. `kferry bisect reset` ends it",
		commit, judge_name(want),
		*ret == JUDGED_GOOD  ? "it is good on the board"
		: *ret == JUDGED_BAD ? "it is bad on the board"
				     : "it does not build");
}

/* *ret: JUDGED_GOOD when both are as they were said to be. */
static int check_ends(struct cmd_env *env, struct bisect *b,
		      const struct drive_opts *opts, enum judged *ret,
		      struct kf_error *err)
{
	const json_t *good = json_object_get(b->state, "good"), *one;
	size_t i;
	int rc = 0;

	json_array_foreach((json_t *)good, i, one)
	{
		rc = check_end(env, b, json_string_value(one), JUDGED_GOOD, opts, ret,
			       err);
		if (rc < 0 || *ret != JUDGED_GOOD)
			return rc;
	}
	rc = check_end(env, b, bisect_text(b, "bad"), JUDGED_BAD, opts, ret, err);
	if (rc < 0 || *ret != JUDGED_BAD)
		return rc;
	*ret = JUDGED_GOOD;
	return bisect_set(b, "ends_checked", json_true(), err);
}

/* --- the steps between ---------------------------------------------------------------
 */

static unsigned steps_done(const struct bisect *b)
{
	return steps_number(&b->steps, JUDGED_GOOD) +
	       steps_number(&b->steps, JUDGED_BAD) + steps_number(&b->steps, JUDGED_SKIP);
}

/* *ret: a verdict that git was told, or why there is none. */
static int take_step(struct cmd_env *env, struct bisect *b, const struct drive_opts *opts,
		     enum judged *ret, struct kf_error *err)
{
	_free_ char *commit = NULL;
	_free_ char *subject = NULL;
	unsigned left = 0, commits = 0;
	int rc = bisect_next(b, &commit, err);

	if (rc == 0)
		rc = git_subject(b->src, commit, &subject, err);
	if (rc == 0)
		rc = bisect_left(b, &left, &commits, err);
	if (rc < 0)
		return rc;
	show_next(env->ui, commit, subject, left, steps_done(b) + left, commits,
		  steps_usual_ms(&b->steps));
	rc = test_once(env, b, commit, subject, opts, false, ret, err);
	if (rc < 0 || *ret == JUDGED_STOPPED || *ret == JUDGED_FAULT)
		return rc;
	return bisect_tell(b, commit, *ret, err);
}

static int go_on(struct cmd_env *env, struct bisect *b, const struct drive_opts *opts,
		 struct ending *ret_end, enum judged *ret, struct kf_error *err)
{
	int rc;

	*ret = JUDGED_GOOD;
	if (opts->check_ends && !bisect_flag(b, "ends_checked")) {
		rc = check_ends(env, b, opts, ret, err);
		if (rc < 0 || *ret != JUDGED_GOOD)
			return rc;
	}
	for (;;) {
		ending_fini(ret_end);
		rc = bisect_ending(b, ret_end, err);
		if (rc < 0 || *ret_end->first_bad || ret_end->n > 0)
			return rc;
		rc = take_step(env, b, opts, ret, err);
		if (rc < 0 || *ret == JUDGED_STOPPED || *ret == JUDGED_FAULT)
			return rc;
	}
}

/* Why it does not go on, and what then. */
static int stopped(struct cmd_env *env, enum judged judged, const struct drive_opts *opts)
{
	if (judged == JUDGED_STOPPED)
		ui_note(env->ui, "stopped; `kferry bisect run` goes on at this commit");
	else
		ui_warn(env->ui,
			"the bisect stops: that was no fault of the kernel's, and %s. "
			"Nothing was said of this commit; `kferry bisect run` goes on at "
			"it",
			opts->trial.retries ? "it lasted" : "--retries is 0");
	return STATUS_ERROR;
}

static int end(struct cmd_env *env, struct bisect *b, const struct drive_opts *opts,
	       const struct ending *e, enum judged judged)
{
	bool over = *e->first_bad || e->n > 0;
	struct kf_error err = {0};
	int status = STATUS_PASS;

	if (show_ending(env->ui, b, e, &err) < 0)
		status = cmd_fail(env, NULL, &err);
	if (opts->summary && show_summary(opts->summary, b, e, &err) < 0)
		status = cmd_fail(env, NULL, &err);
	if (!over)
		return stopped(env, judged, opts);
	ui_note(env->ui, "`kferry bisect reset` brings the tree back to where it was");
	return status ? status : *e->first_bad ? STATUS_PASS : STATUS_FAIL;
}

int drive_run(struct cmd_env *env, struct bisect *b, const struct drive_opts *opts)
{
	_ending_ struct ending e = {0};
	enum judged judged = JUDGED_FAULT;
	struct kf_error err = {0};
	int rc = go_on(env, b, opts, &e, &judged, &err);

	if (rc < 0 && err.reason == KF_REASON_CANCELLED)
		return stopped(env, JUDGED_STOPPED, opts);
	if (rc < 0) {
		ui_error(env->ui, NULL, &err);
		return STATUS_ERROR;
	}
	return end(env, b, opts, &e, judged);
}

int drive_step(struct cmd_env *env, struct bisect *b, const struct drive_opts *opts)
{
	_free_ char *commit = NULL;
	_free_ char *subject = NULL;
	struct kf_error err = {0};
	enum judged judged = JUDGED_FAULT;
	int rc = git_commit(b->src, "HEAD", &commit, &err);

	if (rc == 0)
		rc = git_subject(b->src, commit, &subject, &err);
	if (rc == 0)
		rc = test(env, b, commit, subject, opts, false, &judged, &err);
	if (rc < 0) {
		ui_error(env->ui, NULL, &err);
		judged = JUDGED_FAULT;
	}
	return judge_status(judged);
}
