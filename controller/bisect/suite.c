/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/bisect/suite.h"

#include <string.h>

#include "controller/client.h"
#include "controller/deploy/wait.h"
#include "controller/log/boardlog.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/base/proc.h"
#include "proto/limits.h"
#include "proto/reason.h"

#define GRACE_MS   15000 /* the agent ends a program at its time and then answers */
#define OUTPUT_MAX (64u << 20)
#define ENV_WORDS  7

struct output {
	const struct suite *s;
	int fd;
	size_t taken;
};

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

/* Into the run's directory, and with -v shown; what is too much is left out. */
static int keep(struct output *o, const void *data, size_t n)
{
	size_t room = OUTPUT_MAX - o->taken;
	struct ui *ui = o->s->env->ui;

	if (ui_verbose(ui) && !ui_is_json(ui))
		ui_err_bytes(ui, data, n);
	if (n > room)
		n = room;
	o->taken += n;
	return n ? fs_write_all(o->fd, data, n) : 0;
}

static int on_output(void *arg, int fd, const void *data, size_t n)
{
	(void)fd;
	return keep(arg, data, n);
}

/* --- the programs ------------------------------------------------------------------- */

static void free_env(char *env[ENV_WORDS])
{
	for (size_t i = 0; i < ENV_WORDS; i++)
		free(env[i]);
}

static bool make_env(const struct suite *s, char *env[ENV_WORDS])
{
	env[0] = strf("KFERRY_BOARD=%s", s->board);
	env[1] = strf("KFERRY_RUN=%s", run_dir(s->run));
	env[2] = strf("KFERRY_SLOT=%s", s->k->slot);
	env[3] = strf("KFERRY_RELEASE=%s", s->k->manifest.release);
	env[4] = strf("KFERRY_COMMIT=%s", s->commit);
	env[5] = strf("KFERRY_TREE=%s", s->src);
	for (size_t i = 0; i < ENV_WORDS - 1; i++) {
		if (!env[i])
			return false;
	}
	return true;
}

/* The exit status. */
static int here(const struct suite *s, char *const argv[], struct output *o,
		struct kf_error *err)
{
	char *env[ENV_WORDS] = {0};
	struct proc_opts opts = {
		.inherit_env = true,
		.env_extra = (const char *const *)env,
		.cwd = s->src,
		.timeout_ms = (int)s->timeout_ms,
		.cancel = cancel_flag(),
		.on_output = on_output,
		.arg = o,
	};
	int status = 0, rc = make_env(s, env) ? 0 : -ENOMEM;

	if (rc == 0)
		rc = proc_run((const char *const *)argv, &opts, &status);
	free_env(env);
	if (rc == 0)
		return status;
	return kf_err(err, rc,
		      rc == -ETIMEDOUT	 ? KF_REASON_TIMEOUT
		      : rc == -ECANCELED ? KF_REASON_CANCELLED
		      : rc == -ENOMEM	 ? KF_REASON_NO_MEMORY
					 : KF_REASON_EXEC,
		      "run %s: %s", argv[0],
		      rc == -ETIMEDOUT ? "it took longer than --timeout" : strerror(-rc));
}

static int converse(struct client *c, struct output *o, deadline_ms deadline,
		    struct kf_error *err)
{
	for (;;) {
		struct peer_event ev;
		int rc = client_next(c, deadline, &ev, err);

		if (rc == 0 && ev.type == PEER_DATA && keep(o, ev.data, ev.len) < 0)
			rc = kf_err(err, -EIO, KF_REASON_IO,
				    "write %s/" SUITE_LOG " failed", run_dir(o->s->run));
		if (rc < 0)
			return rc;
		if (ev.type == PEER_ENVELOPE &&
		    ev.env->body_case == KFERRY__ENVELOPE__BODY_EXIT)
			return ev.env->exit->status > 255 ? 255
							  : (int)ev.env->exit->status;
	}
}

/* The exit status. */
static int there(const struct suite *s, char *const argv[], struct output *o,
		 struct kf_error *err)
{
	Kferry__ExecRequest q = KFERRY__EXEC_REQUEST__INIT;
	Kferry__Envelope request = CLIENT_ENVELOPE(EXEC_REQUEST, exec_request, &q);
	deadline_ms soon = cmd_connect_deadline(s->env, s->board);
	struct client *c = NULL;
	int rc;

	while (argv[q.n_argv])
		q.n_argv++;
	if (q.n_argv > LIMIT_ARGV)
		return kf_err(err, -E2BIG, KF_REASON_USAGE, "--exec: more than %d words",
			      LIMIT_ARGV);
	q.argv = (char **)argv;
	q.timeout_s = (uint32_t)((s->timeout_ms + 999) / 1000);
	rc = cmd_connect(s->env, s->board, &request, &c, err);
	if (rc < 0)
		return rc;
	rc = client_request(c, &request, soon, err);
	if (rc == 0)
		rc = client_send_data(c, NULL, 0, FRAME_END, soon, err);
	if (rc == 0)
		rc = converse(c, o, deadline_in(s->timeout_ms + GRACE_MS), err);
	client_close(c);
	return rc;
}

/* One of the two programs; err says what came of it. */
static enum judged run_program(const struct suite *s, bool on_board, struct output *o,
			       struct kf_error *err)
{
	const char *words = on_board ? s->exec : s->script;
	_free_ char **argv = NULL;
	enum judged judged;
	int rc = config_words(words, &argv);

	if (rc < 0 || !argv[0]) {
		kf_err(err, -EINVAL, KF_REASON_USAGE, "--%s: %s",
		       on_board ? "exec" : "script",
		       rc < 0 ? "a quote is not closed" : "there is no program");
		return JUDGED_FAULT;
	}
	ui_progress(s->env->ui, "test", s->board, 0, 0, argv[0]);
	rc = on_board ? there(s, argv, o, err) : here(s, argv, o, err);
	ui_progress_end(s->env->ui, s->board);
	if (rc < 0)
		return err->reason == KF_REASON_CANCELLED ? JUDGED_STOPPED : JUDGED_FAULT;
	judged = judge_program(rc);
	if (judged != JUDGED_GOOD)
		kf_err(err, -EIO,
		       judged == JUDGED_FAULT ? KF_REASON_EXEC : KF_REASON_UNHEALTHY,
		       "%s: exit status %d%s", argv[0], rc,
		       judged == JUDGED_FAULT ? ", which says nothing of the kernel"
					      : "");
	return judged;
}

/* Where a test suite of kferry's own is to be called, too: it gives a verdict as these
 * programs do. */
static enum judged run_tests(const struct suite *s, struct output *o,
			     struct kf_error *err)
{
	enum judged judged = JUDGED_GOOD;

	if (s->exec)
		judged = run_program(s, true, o, err);
	if (judged == JUDGED_GOOD && s->script)
		judged = run_program(s, false, o, err);
	return judged;
}

/* --- the board before and afterwards --------------------------------------------------
 */

/* A fault in the log of a boot of the kernel that is tested: 1, and err is it. */
static int look_at_log(const struct suite *s, struct client *c, int boot,
		       struct kf_error *err)
{
	_cleanup_(classifier_freep) struct classifier *cl = NULL;
	const struct finding *cause;
	int rc;

	if (classifier_new(s->patterns, &cl) < 0)
		return no_memory(err);
	rc = boardlog_read(c, boot, s->k->slot, cl,
			   cmd_connect_deadline(s->env, s->board), err);
	if (rc < 0)
		return rc;
	cause = findings_cause(classifier_findings(cl));
	if (!cause || cause->severity < SEVERITY_ERROR)
		return 0;
	kf_err(err, -EIO, KF_REASON_UNHEALTHY, "%s: \"%s\", while it was tested",
	       cause->class_name, cause->title);
	return 1;
}

static enum judged restarted(const struct suite *s, struct client *c,
			     struct kf_error *err)
{
	struct kf_error why = {0};

	if (look_at_log(s, c, -1, &why) == 1) {
		*err = why;
		return JUDGED_BAD;
	}
	/* It may have lost its power, and more than once: then that boot was another
	 * kernel's. */
	kf_err(err, -EIO, KF_REASON_FELL_BACK,
	       "the board restarted while the kernel was tested, and its log does not "
	       "say "
	       "why");
	return JUDGED_FAULT;
}

/* The board, also when it goes down or comes up just then; *ret is not set unless that
 * is good. */
static enum judged reach(const struct suite *s, struct client **ret, struct kf_error *err)
{
	int64_t limit = config_ms(s->env->cfg, s->board, "timeout.reboot") +
			config_ms(s->env->cfg, s->board, "timeout.confirm");
	int rc = wait_for_agent(s->env->cfg, s->env->ui, s->board, "test",
				deadline_in(limit), ret, err);

	if (rc == 0)
		return JUDGED_GOOD;
	return err->reason == KF_REASON_CANCELLED ? JUDGED_STOPPED : JUDGED_FAULT;
}

/* judged: what the program said, and err why. */
static enum judged look_after(const struct suite *s, const char *boot_id,
			      enum judged judged, struct kf_error *err)
{
	struct kf_error inner = {0};
	struct client *c = NULL;
	enum judged there = reach(s, &c, &inner);
	int rc;

	if (there != JUDGED_GOOD) {
		*err = inner;
		if (there == JUDGED_FAULT)
			run_set_board(s->run, RUN_BOARD_GONE);
		kf_err_wrap(err, "the board is not there after the test");
		return there;
	}
	if (strcmp(client_hello(c)->boot_id, boot_id) != 0) {
		judged = restarted(s, c, err);
	} else {
		rc = look_at_log(s, c, 0, &inner);
		if (rc != 0)
			*err = inner;
		if (rc == 1)
			judged = JUDGED_BAD;
		else if (rc < 0)
			judged = JUDGED_FAULT;
	}
	client_close(c);
	return judged;
}

/* Good: the kernel that passed still runs, and in which boot; the caller's. */
static enum judged look_before(const struct suite *s, char **ret_boot,
			       struct kf_error *err)
{
	Kferry__StatusRequest q = KFERRY__STATUS_REQUEST__INIT;
	Kferry__Envelope request = CLIENT_ENVELOPE(STATUS_REQUEST, status_request, &q);
	const Kferry__Envelope *answer;
	struct client *c = NULL;
	enum judged judged = reach(s, &c, err);
	int rc;

	if (judged != JUDGED_GOOD)
		return judged;
	rc = client_call(c, &request, KFERRY__ENVELOPE__BODY_STATUS,
			 cmd_connect_deadline(s->env, s->board), &answer, err);
	if (rc < 0)
		judged = err->reason == KF_REASON_CANCELLED ? JUDGED_STOPPED
							    : JUDGED_FAULT;
	/* The known-good kernel would pass in its place. */
	else if (strcmp(answer->status->running_slot, s->k->slot) != 0)
		judged = restarted(s, c, err);
	else
		*ret_boot = strdup(client_hello(c)->boot_id);
	client_close(c);
	return judged;
}

static enum judged run_all(const struct suite *s, struct kf_error *err)
{
	struct output o = {.s = s};
	_free_ char *boot_id = NULL;
	enum judged judged = look_before(s, &boot_id, err);

	if (judged != JUDGED_GOOD)
		return judged;
	o.fd = boot_id ? run_create(s->run, SUITE_LOG, err) : no_memory(err);
	if (o.fd < 0)
		return JUDGED_FAULT;
	judged = run_tests(s, &o, err);
	close(o.fd);
	return judged == JUDGED_STOPPED ? judged : look_after(s, boot_id, judged, err);
}

enum judged suite_run(const struct suite *s, struct kf_error *err)
{
	enum judged judged = run_all(s, err);

	if (judged == JUDGED_GOOD)
		ui_step(s->env->ui, "test", s->board, -1,
			json_pack("{s:s}", "verdict", judge_name(judged)), "passed");
	else
		ui_step(s->env->ui, "test", s->board, -1,
			json_pack("{s:s, s:s}", "verdict", judge_name(judged), "reason",
				  reason_name(err->reason)),
			"%s: %s", judge_name(judged), err->msg);
	return judged;
}
