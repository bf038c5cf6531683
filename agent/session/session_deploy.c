/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The deploy conversation: Plan, manifest, Need, files, Installed.
 *
 *	planning --> manifest --> needing --> receiving --> (Installed)
 *	    |                        ^            ^
 *	    +---- have_manifest -----+            |  files are wanted, or not
 *	    +---- installed ----------------------+
 *
 * What blocks is a job; while one runs nothing else touches the deploy.  DATA of the
 * manifest collects in memory, DATA of the files goes through a bounded pipe to the job;
 * when that is full the connection is not read.
 */
#include <assert.h>
#include <string.h>

#include "agent/session/msg.h"
#include "agent/session/session_op.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/pipe.h"
#include "proto/limits.h"
#include "proto/reason.h"

#define PIPE_SIZE   (1024 * 1024)
#define PROGRESS_MS 200 /* between two Progress messages of one stage */

enum { D_PLANNING, D_MANIFEST, D_NEEDING, D_RECEIVING, D_DONE };

static const struct sm_state states[] = {
	[D_PLANNING] = {"planning",
			SM_TO(D_MANIFEST) | SM_TO(D_NEEDING) | SM_TO(D_RECEIVING) |
				SM_TO(D_DONE),
			false},
	[D_MANIFEST] = {"manifest", SM_TO(D_NEEDING) | SM_TO(D_DONE), false},
	[D_NEEDING] = {"needing", SM_TO(D_RECEIVING) | SM_TO(D_DONE), false},
	[D_RECEIVING] = {"receiving", SM_TO(D_DONE), false},
	[D_DONE] = {"done", 0, true},
};

struct op {
	struct session *s;
	struct sm sm;
	Kferry__Envelope *req;
	struct deploy *deploy;
	struct job *job; /* NULL: none runs */
	struct kf_error err;

	Kferry__Plan plan;
	Kferry__Need need;
	Kferry__Installed installed;

	struct buf manifest;
	struct pipe *pipe;
	struct buf rest; /* what did not fit the pipe */
	bool finished;	 /* END was seen */
	bool cancelled;

	struct deploy_progress progress;
	const char *told_stage;
	int64_t told_ms;
};

static void op_finish(struct op *d);

/* --- progress ------------------------------------------------------------------- */

/* Job thread. */
static void progress_changed(void *arg)
{
	struct op *d = arg;

	job_progress(d->job);
}

static void tell_progress(struct op *d)
{
	const char *stage = atomic_load(&d->progress.stage);
	Kferry__Envelope env = KFERRY__ENVELOPE__INIT;
	Kferry__Progress m = KFERRY__PROGRESS__INIT;
	int64_t now = clock_now_ms();

	if (!stage || stream_full(d->s->stream))
		return;
	if (stage == d->told_stage && now - d->told_ms < PROGRESS_MS)
		return;
	d->told_stage = stage;
	d->told_ms = now;
	m.stage = (char *)stage;
	m.done = atomic_load(&d->progress.done);
	m.total = atomic_load(&d->progress.total);
	env.body_case = KFERRY__ENVELOPE__BODY_PROGRESS;
	env.progress = &m;
	session_send(d->s, &env);
}

/* --- bytes to the job ----------------------------------------------------------- */

/* Job thread: the loop is told through the job's progress. */
static void pipe_has_room(void *arg)
{
	progress_changed(arg);
}

static ssize_t pull(void *arg, void *data, size_t n)
{
	struct op *d = arg;

	return pipe_pull(d->pipe, data, n);
}

/* Push what is left over, then let the connection be read again. */
static void push_rest(struct op *d)
{
	size_t n = buf_len(&d->rest);

	if (n > 0) {
		buf_consume(&d->rest, pipe_push(d->pipe, buf_data(&d->rest), n));
		if (buf_len(&d->rest) > 0)
			return;
		buf_fini(&d->rest);
		if (d->finished) {
			pipe_finish(d->pipe);
		} else {
			session_await(d->s);
			stream_resume(d->s->stream);
		}
	}
}

static void take_files(struct op *d, const struct peer_event *ev)
{
	size_t n;

	if (d->finished || !d->pipe)
		return;
	d->finished = ev->flags & FRAME_END;
	session_await(d->s);
	n = pipe_push(d->pipe, ev->data, ev->len);
	if (n < ev->len) {
		if (buf_append(&d->rest, ev->data + n, ev->len - n) < 0) {
			pipe_abort(d->pipe, -ENOMEM);
			return;
		}
		stream_pause(d->s->stream);
		session_await_off(d->s); /* the disk has the word */
	} else if (d->finished) {
		pipe_finish(d->pipe);
		session_await_off(d->s);
	}
}

/* --- jobs ----------------------------------------------------------------------- */

static int plan_work(struct job *job, void *arg)
{
	struct op *d = arg;

	(void)job;
	return deploy_begin(d->s->env->agent, d->req->plan_request, d->s->holder,
			    &d->deploy, &d->plan, &d->err);
}

static int need_work(struct job *job, void *arg)
{
	struct op *d = arg;
	int r = 0;

	deploy_set_cancel(d->deploy, job_cancel_flag(job));
	deploy_set_progress(d->deploy, &d->progress);
	if (!d->plan.have_manifest)
		r = deploy_manifest(d->deploy, buf_data(&d->manifest),
				    buf_len(&d->manifest), &d->err);
	if (r == 0)
		r = deploy_need(d->deploy, &d->need, &d->err);
	deploy_set_cancel(d->deploy, NULL);
	deploy_set_progress(d->deploy, NULL);
	return r;
}

static int install_work(struct job *job, void *arg)
{
	struct op *d = arg;
	int r = 0;

	deploy_set_cancel(d->deploy, job_cancel_flag(job));
	deploy_set_progress(d->deploy, &d->progress);
	if (d->pipe)
		r = deploy_receive(d->deploy, pull, d, &d->err);
	if (r == 0)
		r = deploy_install(d->deploy, &d->installed, &d->err);
	deploy_set_cancel(d->deploy, NULL);
	deploy_set_progress(d->deploy, NULL);
	return r;
}

static void job_progressed(void *arg)
{
	struct op *d = arg;

	if (d->pipe)
		push_rest(d);
	tell_progress(d);
}

/* A job has ended: its result as an error to tell, or 0. */
static int job_ended(struct op *d, int result)
{
	d->job = NULL;
	if (result == 0 && d->cancelled)
		result = kf_err(&d->err, -ECANCELED, KF_REASON_CANCELLED,
				"the deploy was cancelled");
	if (result < 0 && !d->err.code)
		kf_err(&d->err, result, KF_REASON_IO, "the deploy failed: %m");
	if (result < 0) {
		session_send_error(d->s, &d->err);
		op_finish(d);
	}
	return result;
}

static void start_job(struct op *d, const struct job_ops *ops)
{
	int r = job_start(d->s->env->loop, ops, d, &d->job);

	if (r < 0) {
		kf_err(&d->err, r, KF_REASON_NO_MEMORY, "starting a thread: %m");
		job_ended(d, r);
	}
}

/* --- the steps ------------------------------------------------------------------ */

static void install_done(void *arg, int result)
{
	struct op *d = arg;
	Kferry__Envelope env = KFERRY__ENVELOPE__INIT;

	if (job_ended(d, result) < 0)
		return;
	env.body_case = KFERRY__ENVELOPE__BODY_INSTALLED;
	env.installed = &d->installed;
	log_info("installed holder=\"%s\" slot=%s already=%d", d->s->holder,
		 d->installed.slot, d->installed.already);
	session_send(d->s, &env);
	/* The board stays ours until this connection ends or plans again. */
	d->s->held = TAKE_PTR(d->deploy);
	op_finish(d);
}

static const struct job_ops install_job = {install_work, job_progressed, install_done};

static void start_install(struct op *d, bool receive)
{
	int r;

	sm_move(&d->sm, D_RECEIVING);
	if (receive) {
		r = pipe_new(PIPE_SIZE, pipe_has_room, d, &d->pipe);
		if (r < 0) {
			job_ended(d, r);
			return;
		}
		session_await(d->s);
	}
	start_job(d, &install_job);
}

/* Of nothing nothing is sent, not even an empty archive. */
static bool wants_files(const Kferry__Need *need)
{
	for (size_t i = 0; i < need->bitmap.len; i++)
		if (need->bitmap.data[i])
			return true;
	return false;
}

/* Far less than the queue holds. */
static void send_bases(struct op *d)
{
	const struct buf *table = deploy_bases(d->deploy);
	const uint8_t *at = buf_data(table);
	size_t left = buf_len(table);

	while (left > 0) {
		size_t n = left < LIMIT_DATA ? left : LIMIT_DATA;

		session_send_data(d->s, at, n, n == left ? FRAME_END : 0);
		at += n;
		left -= n;
	}
}

static void need_done(void *arg, int result)
{
	struct op *d = arg;
	Kferry__Envelope env = KFERRY__ENVELOPE__INIT;

	buf_fini(&d->manifest);
	if (job_ended(d, result) < 0)
		return;
	env.body_case = KFERRY__ENVELOPE__BODY_NEED;
	env.need = &d->need;
	log_info("need holder=\"%s\" files=%u bytes=%llu", d->s->holder, d->need.files,
		 (unsigned long long)d->need.bytes);
	session_send(d->s, &env);
	if (d->need.bases)
		send_bases(d);
	start_install(d, wants_files(&d->need));
}

static const struct job_ops need_job = {need_work, job_progressed, need_done};

static void plan_done(void *arg, int result)
{
	struct op *d = arg;
	Kferry__Envelope env = KFERRY__ENVELOPE__INIT;

	if (job_ended(d, result) < 0)
		return;
	env.body_case = KFERRY__ENVELOPE__BODY_PLAN;
	env.plan = &d->plan;
	log_info("plan holder=\"%s\" slot=%s installed=%d", d->s->holder, d->plan.slot,
		 d->plan.installed);
	session_send(d->s, &env);
	if (d->plan.installed) {
		start_install(d, false);
	} else if (d->plan.have_manifest) {
		sm_move(&d->sm, D_NEEDING);
		start_job(d, &need_job);
	} else {
		assert(d->req->plan_request->manifest_size <= LIMIT_MANIFEST);
		d->manifest.max = (size_t)d->req->plan_request->manifest_size;
		sm_move(&d->sm, D_MANIFEST);
		session_await(d->s);
	}
}

static const struct job_ops plan_job = {plan_work, NULL, plan_done};

static void take_manifest(struct op *d, const struct peer_event *ev)
{
	int r = buf_append(&d->manifest, ev->data, ev->len);

	if (r < 0) {
		kf_err(&d->err, r, KF_REASON_MANIFEST,
		       "the manifest is longer than the %llu bytes that were announced",
		       (unsigned long long)d->manifest.max);
		job_ended(d, r);
		return;
	}
	session_await(d->s);
	if (ev->flags & FRAME_END) {
		session_await_off(d->s);
		sm_move(&d->sm, D_NEEDING);
		start_job(d, &need_job);
	}
}

/* --- the operation -------------------------------------------------------------- */

static void on_data(struct session *s, const struct peer_event *ev)
{
	struct op *d = s->op_data;

	if (d->sm.now == D_MANIFEST)
		take_manifest(d, ev);
	else if (d->sm.now == D_RECEIVING)
		take_files(d, ev);
}

/* The channel has ended: stop the job; its done() finishes. */
static void on_cancel(struct session *s)
{
	struct op *d = s->op_data;

	log_warn("deploy-cancelled holder=\"%s\" state=%s", s->holder, sm_name(&d->sm));
	if (!d->job) {
		kf_err(&d->err, -ECANCELED, KF_REASON_CANCELLED,
		       "the deploy was cancelled");
		op_finish(d);
		return;
	}
	d->cancelled = true;
	/* What has arrived is still taken, so that the next attempt need not send it
	 * again; then the archive ends too early. */
	if (d->pipe && !d->finished) {
		d->finished = true;
		if (buf_len(&d->rest) == 0)
			pipe_finish(d->pipe);
		return;
	}
	job_cancel(d->job);
	if (d->pipe)
		pipe_abort(d->pipe, -ECANCELED);
}

static const struct session_op deploy_op = {
	.name = "a deploy",
	.data = on_data,
	.cancel = on_cancel,
};

static void op_finish(struct op *d)
{
	struct session *s = d->s;

	sm_move(&d->sm, D_DONE);
	if (d->deploy)
		deploy_end(d->deploy);
	kferry__envelope__free_unpacked(d->req, NULL);
	buf_fini(&d->manifest);
	buf_fini(&d->rest);
	pipe_free(d->pipe);
	free(d);
	session_end(s);
}

void session_plan(struct session *s, const Kferry__Envelope *req)
{
	struct kf_error err = {0};
	struct op *d = calloc(1, sizeof(*d));

	if (d)
		d->req = msg_copy(req);
	if (!d || !d->req) {
		free(d);
		kf_err(&err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
		session_send_error(s, &err);
		return;
	}
	if (s->held)
		deploy_end(TAKE_PTR(s->held));
	d->s = s;
	kferry__plan__init(&d->plan);
	kferry__need__init(&d->need);
	kferry__installed__init(&d->installed);
	d->progress.changed = progress_changed;
	d->progress.arg = d;
	sm_init(&d->sm, "deploy", states, ARRAY_SIZE(states), D_PLANNING);
	session_begin(s, &deploy_op, d);
	start_job(d, &plan_job);
}
