/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests with one answer: each runs as a job, because a boot chain, a hook or a slow
 * disk may take its time.  They are short, so nothing cancels them.
 */
#include <string.h>

#include "agent/boot/kexec/boot_kexec.h"
#include "agent/session/facts.h"
#include "agent/session/msg.h"
#include "agent/session/session_op.h"
#include "agent/session/status.h"
#include "agent/slot/slot.h"
#include "agent/trial/reboot.h"
#include "proto/base/log.h"
#include "proto/reason.h"

#define FLUSH_MS 3000 /* for the answer to a reboot request to leave */

struct call {
	struct session *s;
	struct job *job;
	Kferry__Envelope *req;
	Kferry__Envelope *answer; /* set by the job; NULL: Done with text */
	char text[256];
	uint64_t log_us; /* the kernel's newest record when it began */
	struct kf_error err;
};

static void call_free(struct call *c)
{
	if (c->req)
		kferry__envelope__free_unpacked(c->req, NULL);
	if (c->answer)
		kferry__envelope__free_unpacked(c->answer, NULL);
	free(c);
}

static struct call *call_new(struct session *s, const Kferry__Envelope *req)
{
	struct call *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->s = s;
	c->req = msg_copy(req);
	if (!c->req) {
		free(c);
		return NULL;
	}
	return c;
}

static void no_memory(struct session *s)
{
	struct kf_error err = {0};

	kf_err(&err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	session_send_error(s, &err);
}

/* Somebody else is deploying: what he checked must stay as it is. */
static int check_holder(struct session *s, struct kf_error *err)
{
	char holder[LIMIT_PERSON + 1] = "";

	if (s->held)
		return 0;
	deploy_holder(s->env->agent, holder, sizeof(holder));
	if (!*holder || strcmp(holder, s->holder) == 0)
		return 0;
	return kf_err(err, -EBUSY, KF_REASON_BUSY,
		      "the board is held by %s: wait for that deploy to end", holder);
}

/* --- the work ------------------------------------------------------------------- */

static Kferry__Envelope *envelope_new(Kferry__Envelope__BodyCase body)
{
	Kferry__Envelope *env = malloc(sizeof(*env));

	if (!env)
		return NULL;
	kferry__envelope__init(env);
	env->body_case = body;
	return env;
}

static int answer_status(struct call *c)
{
	c->answer = envelope_new(KFERRY__ENVELOPE__BODY_STATUS);
	return c->answer ? status_build(c->s->env->agent, &c->answer->status) : -ENOMEM;
}

static int answer_facts(struct call *c)
{
	c->answer = envelope_new(KFERRY__ENVELOPE__BODY_FACTS);
	return c->answer ? facts_build(c->s->env->agent, &c->answer->facts) : -ENOMEM;
}

static int answer_slots(struct call *c)
{
	c->answer = envelope_new(KFERRY__ENVELOPE__BODY_SLOTS);
	return c->answer ? status_slots(c->s->env->agent, &c->answer->slots) : -ENOMEM;
}

static int do_arm(struct call *c)
{
	struct agent *a = c->s->env->agent;
	const Kferry__ArmRequest *q = c->req->arm_request;
	Kferry__Armed *m;
	_slot_ struct slot slot = {.fd = -1};
	int r = slot_open(a, q->slot, &slot, &c->err);

	if (r < 0)
		return r;
	if (q->kexec)
		r = trial_arm_kexec(a, q->slot, q->confirm_timeout_s, c->text, &c->err);
	else
		r = trial_arm(a, q->slot, q->confirm_timeout_s, c->text, &c->err);
	if (r < 0)
		return r;
	m = malloc(sizeof(*m));
	c->answer = envelope_new(KFERRY__ENVELOPE__BODY_ARMED);
	if (!m || !c->answer) {
		free(m);
		return -ENOMEM;
	}
	kferry__armed__init(m);
	c->answer->armed = m;
	m->slot = msg_text(q->slot, LIMIT_NAME);
	m->chain = msg_text(q->kexec ? "kexec" : slot.conf.chain, LIMIT_NAME);
	m->text = msg_text(c->text, LIMIT_STRING);
	return m->slot && m->chain && m->text ? 0 : -ENOMEM;
}

static int do_confirm(struct call *c)
{
	const Kferry__ConfirmRequest *q = c->req->confirm_request;

	struct agent *a = c->s->env->agent;

	if (q->end_only) {
		snprintf(c->text, sizeof(c->text), "the trial of %s is over", q->slot);
		return trial_end(a, q->slot, &c->err);
	}
	snprintf(c->text, sizeof(c->text), "%s is good", q->slot);
	if (q->kexec_ok)
		return trial_confirm_kexec(a, q->slot, q->make_default, q->force,
					   &c->err);
	return trial_confirm(a, q->slot, q->make_default, q->force, &c->err);
}

static int do_remove(struct call *c)
{
	const char *slot = c->req->remove_request->slot;

	snprintf(c->text, sizeof(c->text), "%s is removed", slot);
	return slot_remove(c->s->env->agent, slot, &c->err);
}

static int do_rollback(struct call *c)
{
	const char *slot = c->req->rollback_request->slot;

	if (!*slot)
		slot = FOREIGN;
	snprintf(c->text, sizeof(c->text), "%s is the default again", slot);
	return trial_rollback(c->s->env->agent, slot, &c->err);
}

static int work(struct job *job, void *arg)
{
	struct call *c = arg;

	(void)job;
	switch (c->req->body_case) {
	case KFERRY__ENVELOPE__BODY_STATUS_REQUEST:
		return answer_status(c);
	case KFERRY__ENVELOPE__BODY_FACTS_REQUEST:
		return answer_facts(c);
	case KFERRY__ENVELOPE__BODY_SLOTS_REQUEST:
		return answer_slots(c);
	case KFERRY__ENVELOPE__BODY_ARM_REQUEST:
		return do_arm(c);
	case KFERRY__ENVELOPE__BODY_CONFIRM_REQUEST:
		return do_confirm(c);
	case KFERRY__ENVELOPE__BODY_REMOVE_REQUEST:
		return do_remove(c);
	case KFERRY__ENVELOPE__BODY_ROLLBACK_REQUEST:
		return do_rollback(c);
	case KFERRY__ENVELOPE__BODY_MODULES_REQUEST:
	case KFERRY__ENVELOPE__BODY_MODULE_REQUEST:
	case KFERRY__ENVELOPE__BODY_SHOW_MODULES_REQUEST:
		return session_modules_work(c->s->env->agent, c->req, c->log_us,
					    &c->answer, &c->err);
	default:
		return -EOPNOTSUPP;
	}
}

static void done(void *arg, int result)
{
	struct call *c = arg;
	struct session *s = c->s;

	if (s->env->watch)
		trial_watch_update(s->env->watch);
	if (result < 0 && !c->err.code)
		kf_err(&c->err, result,
		       result == -ENOMEM ? KF_REASON_NO_MEMORY : KF_REASON_IO,
		       "answering the request: %m");
	if (result < 0)
		session_send_error(s, &c->err);
	else if (c->answer)
		session_send(s, c->answer);
	else
		session_send_done(s, c->text);
	call_free(c);
	session_end(s);
}

static const struct session_op call_op = {.name = "a request"};
static const struct job_ops call_job = {.work = work, .done = done};

static bool changes_board(const Kferry__Envelope *req)
{
	return req->body_case == KFERRY__ENVELOPE__BODY_ARM_REQUEST ||
	       req->body_case == KFERRY__ENVELOPE__BODY_REMOVE_REQUEST ||
	       req->body_case == KFERRY__ENVELOPE__BODY_ROLLBACK_REQUEST ||
	       req->body_case == KFERRY__ENVELOPE__BODY_MODULE_REQUEST ||
	       req->body_case == KFERRY__ENVELOPE__BODY_SHOW_MODULES_REQUEST;
}

static bool is_of_modules(const Kferry__Envelope *req)
{
	return req->body_case == KFERRY__ENVELOPE__BODY_MODULES_REQUEST ||
	       req->body_case == KFERRY__ENVELOPE__BODY_MODULE_REQUEST ||
	       req->body_case == KFERRY__ENVELOPE__BODY_SHOW_MODULES_REQUEST;
}

static uint64_t newest_record(struct session *s)
{
	if (!s->env->kernlog && s->env->start_log)
		s->env->start_log(s->env->arg);
	return s->env->kernlog ? kernlog_newest_us(s->env->kernlog) : 0;
}

void session_call(struct session *s, const Kferry__Envelope *req)
{
	struct kf_error err = {0};
	struct call *c;

	if (changes_board(req) && check_holder(s, &err) < 0) {
		session_send_error(s, &err);
		return;
	}
	c = call_new(s, req);
	if (!c) {
		no_memory(s);
		return;
	}
	if (is_of_modules(req))
		c->log_us = newest_record(s);
	session_begin(s, &call_op, c);
	if (job_start(s->env->loop, &call_job, c, &c->job) < 0)
		done(c, -ENOMEM);
}

/* --- rebooting ------------------------------------------------------------------ */

static int reboot_work(struct job *job, void *arg)
{
	struct call *c = arg;

	(void)job;
	return reboot_now(c->s->env->agent, c->req->reboot_request->mode,
			  KFERRY__BOOT_END__BOOT_END_REBOOT, &c->err);
}

/* Done was promised too early when this failed: say so all the same. */
static void reboot_done(void *arg, int result)
{
	struct call *c = arg;
	struct session *s = c->s;

	if (result < 0)
		session_send_error(s, &c->err);
	call_free(c);
	session_end(s);
}

static const struct job_ops reboot_job = {.work = reboot_work, .done = reboot_done};

/* The answer has left, or there was time enough for it. */
static void reboot_go(struct session *s)
{
	struct call *c = s->op_data;

	if (c->job)
		return;
	uv_timer_stop(&s->timer);
	if (job_start(s->env->loop, &reboot_job, c, &c->job) < 0) {
		kf_err(&c->err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
		reboot_done(c, -ENOMEM);
	}
}

static void reboot_flush_timeout(uv_timer_t *t)
{
	reboot_go(t->data);
}

/* Asked for is asked for: the reboot happens although the other side is gone. */
static const struct session_op reboot_op = {
	.name = "a reboot",
	.flushed = reboot_go,
	.cancel = reboot_go,
};

void session_reboot(struct session *s, const Kferry__Envelope *req)
{
	struct kf_error err = {0};
	struct call *c;

	if ((req->reboot_request->mode != KFERRY__REBOOT_MODE__REBOOT_FORCE &&
	     check_holder(s, &err) < 0) ||
	    (req->reboot_request->mode == KFERRY__REBOOT_MODE__REBOOT_KEXEC &&
	     kexec_check_ready(s->env->agent, &err) < 0)) {
		session_send_error(s, &err);
		return;
	}
	c = call_new(s, req);
	if (!c) {
		no_memory(s);
		return;
	}
	log_info("reboot-request holder=\"%s\" mode=%d", s->holder,
		 (int)c->req->reboot_request->mode);
	if (s->env->kernlog)
		kernlog_flush(s->env->kernlog);
	session_begin(s, &reboot_op, c);
	uv_timer_start(&s->timer, reboot_flush_timeout, FLUSH_MS, 0);
	session_send_done(s, "rebooting");
	stream_flush(s->stream);
}
