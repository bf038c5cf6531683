/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/bisect/trial.h"

#include <poll.h>
#include <string.h>

#include "controller/bisect/confbase.h"
#include "controller/bisect/suite.h"
#include "controller/deploy/wait.h"
#include "controller/fleet/sift.h"
#include "controller/history/note.h"
#include "controller/kernel/tree.h"
#include "controller/log/patterns.h"
#include "controller/suite/testplan.h"
#include "proto/base/clock.h"
#include "proto/reason.h"

#define PAUSE_MS     1000 /* before the second attempt; the third has twice that, ... */
#define PAUSE_MAX_MS 30000

/* What one attempt has to do with. */
struct attempt {
	struct cmd_env *env;
	struct bisect *b;
	const char *commit;
	const struct trial_opts *opts;
	const char *board;
	struct trial *ret;
	unsigned *silent; /* attempts that ended in another kernel, without a trace */
};

void trial_fini(struct trial *t)
{
	free(t->run);
	t->run = NULL;
}

static void say(struct trial *t, enum judged judged, int reason, const char *text)
{
	t->judged = judged;
	t->reason = reason;
	t->final = judge_is_final(reason);
	snprintf(t->text, sizeof(t->text), "%.*s", (int)sizeof(t->text) - 1, text);
}

/* An error that nobody has told yet. */
static void fail(const struct attempt *a, enum judge_part part,
		 const struct kf_error *err)
{
	ui_progress_end(a->env->ui, NULL);
	ui_error(a->env->ui, part == JUDGE_BOARD ? a->board : NULL, err);
	say(a->ret, judge_reason(part, err->reason), err->reason, err->msg);
	a->ret->final = a->ret->final || part == JUDGE_BUILD;
}

/* By its name in result.json. */
static int reason_of(const char *name)
{
	for (int i = 0; name && strcmp(reason_name(i), "unknown") != 0; i++) {
		if (strcmp(reason_name(i), name) == 0)
			return i;
	}
	return KF_REASON_UNSPECIFIED;
}

static int build(const struct attempt *a, struct kernel **ret, struct kf_error *err)
{
	const struct config *cfg = a->env->cfg;
	struct build_result built;
	struct tree *t = NULL;
	int rc = tree_open(cfg, a->board, &t, err);

	if (rc == 0)
		rc = confbase_apply(a->b, t, err);
	tree_free(t);
	if (rc == 0)
		rc = kernel_build(cfg, a->env->ui, a->board, NULL, &built, err);
	if (rc == 0)
		rc = kernel_from_tree(cfg, a->env->ui, a->board, ret, err);
	ui_progress_end(a->env->ui, NULL);
	/* Somebody works in the tree: what was built is of another commit. */
	if (rc == 0 && (*ret)->manifest.commit &&
	    strcmp((*ret)->manifest.commit, a->commit) != 0)
		rc = kf_err(
			err, -EBUSY, KF_REASON_INVALID,
			"the tree is at %.12s now, and not at the commit that was to be "
			"tested (%.12s): leave it alone while it is bisected",
			(*ret)->manifest.commit, a->commit);
	return rc;
}

static bool build_suites(const struct attempt *a)
{
	struct kf_error err = {0};
	int rc = a->opts->tests ? testplan_build(a->opts->tests, a->env->cfg, a->env->ui,
						 a->board, &err)
				: 0;

	if (rc == 0)
		return true;
	fail(a, JUDGE_BUILD, &err);
	/* Of this commit's sources: it cannot be told. */
	if (rc == -ENOEXEC)
		a->ret->judged = JUDGED_SKIP;
	return false;
}

/* The board came back with its own kernel, and nothing says that this one's fault it was:
 * it hung, or somebody pulled the plug.  What happens twice is no accident; where it is
 * not tried again, nobody knows. */
static void doubt(const struct attempt *a)
{
	if (++*a->silent < 2)
		a->ret->judged = JUDGED_FAULT;
	else
		a->ret->judged = JUDGED_BAD;
}

static bool has_fault(const struct run *run)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(run_result(run), "findings"), i, one)
	{
		const char *severity =
			json_string_value(json_object_get(one, "severity"));

		if (severity &&
		    (strcmp(severity, "error") == 0 || strcmp(severity, "fatal") == 0))
			return true;
	}
	return false;
}

/* Did the board reset in a suite? */
static bool died_in_tests(const struct run *run)
{
	const json_t *suite, *one;
	size_t i, k;

	json_array_foreach(json_object_get(run_result(run), "suites"), i, suite)
	{
		json_array_foreach(json_object_get(suite, "attempts"), k, one)
		{
			const char *how = json_string_value(json_object_get(one, "how"));

			if (how && strcmp(how, "died") == 0)
				return true;
		}
	}
	return false;
}

static bool is_doubtful(int reason, const struct run *run)
{
	if (reason != KF_REASON_FELL_BACK &&
	    !(reason == KF_REASON_TESTS && died_in_tests(run)))
		return false;
	return !has_fault(run);
}

static void deploy(const struct attempt *a, const struct kernel *k,
		   const struct patterns *patterns, struct run *run)
{
	const struct deploy_opts opts = {
		.once = true, .force = true, .tests = a->opts->tests};
	int status = deploy_run(a->env->cfg, a->env->ui, a->board, k, &opts, patterns,
				NULL, run);
	const char *text = run_text(run, "text");
	int reason = reason_of(run_text(run, "reason"));

	if (status == STATUS_PASS)
		say(a->ret, JUDGED_GOOD, 0, text ? text : "");
	else
		say(a->ret, judge_reason(JUDGE_BOARD, reason), reason,
		    text ? text : reason_text(reason));
	if (is_doubtful(reason, run))
		doubt(a);
}

/* What the kernel passed by booting it may fail by being used. */
static void test(const struct attempt *a, const struct kernel *k,
		 const struct patterns *patterns, struct run *run)
{
	const struct suite suite = {.env = a->env,
				    .board = a->board,
				    .src = a->b->src,
				    .commit = a->commit,
				    .k = k,
				    .run = run,
				    .patterns = patterns,
				    .script = a->opts->script,
				    .exec = a->opts->exec,
				    .timeout_ms = a->opts->test_timeout_ms};
	struct kf_error err = {0};
	enum judged judged;

	if (!suite.script && !suite.exec)
		return;
	judged = suite_run(&suite, &err);
	if (judged != JUDGED_GOOD)
		say(a->ret, judged, err.reason, err.msg);
	if (judged == JUDGED_FAULT && err.reason == KF_REASON_FELL_BACK)
		doubt(a);
}

/* Is it the kernel of this slot that answers?  An error is not. */
static bool runs_slot(const struct attempt *a, struct client *c, const char *slot)
{
	Kferry__StatusRequest q = KFERRY__STATUS_REQUEST__INIT;
	Kferry__Envelope request = CLIENT_ENVELOPE(STATUS_REQUEST, status_request, &q);
	const Kferry__Envelope *answer;

	return client_call(
		       c, &request, KFERRY__ENVELOPE__BODY_STATUS,
		       deadline_in(config_ms(a->env->cfg, a->board, "timeout.connect")),
		       &answer, NULL) == 0 &&
	       strcmp(answer->status->running_slot, slot) == 0;
}

/* The board was sent home; whoever deploys next to it would find nobody. */
static void await_home(const struct attempt *a, const char *slot)
{
	const struct config *cfg = a->env->cfg;
	deadline_ms end = deadline_in(config_ms(cfg, a->board, "timeout.reboot"));
	struct kf_error err = {0};
	struct client *c = NULL;
	int rc;

	rc = wait_for_agent(cfg, a->env->ui, a->board, "reboot", end, &c, &err);
	if (rc == 0 && runs_slot(a, c, slot)) {
		struct wait_boot boot = {0};

		wait_boot_init(&boot, c);
		client_close(c);
		c = NULL;
		rc = wait_for_boot(cfg, a->env->ui, a->board, &boot, end, &c, &err);
	}
	if (rc < 0)
		ui_warn(a->env->ui, "%s: %s", a->board, err.msg);
	client_close(c);
}

static void on_board(const struct attempt *a, const struct kernel *k)
{
	struct patterns *patterns = NULL;
	struct kf_error err = {0};
	struct run *run = NULL;
	int rc = patterns_load(a->env->cfg, a->board, &patterns, &err);

	if (rc == 0)
		rc = run_new(a->env->cfg, a->board, &run, &err);
	if (rc < 0) {
		fail(a, JUDGE_BOARD, &err);
	} else {
		run_set(run, "mode", json_string("boot"));
		free(a->ret->run);
		a->ret->run = strdup(run_dir(run));
		deploy(a, k, patterns, run);
		if (a->ret->judged == JUDGED_GOOD)
			test(a, k, patterns, run);
		run_finish(run);
		run_tell_error(run, a->env->ui, a->board);
		sift_count_run(a->env, a->board, run);
		note_run(a->env->cfg, a->env->ui, run_result(run), run_dir(run));
		if (json_is_true(json_object_get(run_result(run), "returns")))
			await_home(a, k->slot);
	}
	run_free(run);
	patterns_free(patterns);
}

static void attempt(const struct attempt *a)
{
	const struct deploy_opts opts = {.once = true, .force = true};
	struct kernel *k = NULL;
	struct kf_error err = {0};
	int rc;

	/* Nothing is built for a board that cannot take it, or is to be left alone. */
	ui_progress(a->env->ui, "check", a->board, 0, 0, NULL);
	rc = sift_refuse(a->env, a->board, &err);
	if (rc == 0)
		rc = deploy_check(a->env->cfg, a->env->ui, a->board, &opts, &err);
	ui_progress_end(a->env->ui, a->board);
	if (rc < 0) {
		struct sift_end end = {.reason = reason_name(err.reason),
				       .text = err.msg};

		fail(a, JUDGE_BOARD, &err);
		sift_count(a->env, a->board, &end);
		return;
	}
	if (build(a, &k, &err) < 0)
		fail(a, JUDGE_BUILD, &err);
	else if (build_suites(a))
		on_board(a, k);
	kernel_free(k);
}

/* false: the user does not want to wait. */
static bool pause_before(unsigned attempts)
{
	struct pollfd fd = {.fd = cancel_fd(), .events = POLLIN};
	int ms = attempts * PAUSE_MS < PAUSE_MAX_MS ? (int)(attempts * PAUSE_MS)
						    : PAUSE_MAX_MS;

	(void)!poll(&fd, 1, ms);
	return !atomic_load(cancel_flag());
}

void trial_run(struct cmd_env *env, struct bisect *b, const char *commit,
	       const struct trial_opts *opts, struct trial *ret)
{
	unsigned silent = 0;
	struct attempt a = {.env = env,
			    .b = b,
			    .commit = commit,
			    .opts = opts,
			    .ret = ret,
			    .silent = &silent};
	int64_t began = clock_now_ms();

	*ret = (struct trial){.judged = JUDGED_FAULT};
	for (unsigned i = 0; i <= opts->retries; i++) {
		a.board = ret->board = opts->boards[i % opts->n_boards];
		ret->attempts = i + 1;
		attempt(&a);
		if (atomic_load(cancel_flag()))
			ret->judged = JUDGED_STOPPED;
		if (ret->judged != JUDGED_FAULT || i == opts->retries)
			break;
		/* Another board may do better. */
		if (ret->final && i + 1 >= opts->n_boards)
			break;
		ui_note(env->ui,
			"           that says nothing of the kernel; trying again%s%s "
			"(%u of %u)",
			opts->n_boards > 1 ? " on " : "",
			opts->n_boards > 1 ? opts->boards[(i + 1) % opts->n_boards] : "",
			i + 1, opts->retries);
		if (!pause_before(i + 1)) {
			ret->judged = JUDGED_STOPPED;
			break;
		}
	}
	ret->took_ms = clock_now_ms() - began;
}
