/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One job, and a timer for those who wait for it. */
#include "agent/session/settling.h"

#include <string.h>

#include "agent/deploy/deploy.h"
#include "agent/trial/trial.h"
#include "proto/base/job.h"
#include "proto/base/log.h"
#include "proto/reason.h"

static void set(struct agent *a, bool settling)
{
	pthread_mutex_lock(&a->state_lock);
	a->settling = settling;
	pthread_mutex_unlock(&a->state_lock);
}

static void tell(struct settling *s)
{
	void (*ready)(void *arg) = s->ready;

	s->ready = NULL;
	if (ready)
		ready(s->arg);
}

static int work(struct job *job, void *arg)
{
	struct settling *s = arg;
	struct kf_error err = {0};

	(void)job;
	if (deploy_recover(s->agent, &err) < 0)
		log_err("recover-failed reason=%s text=\"%s\"", reason_name(err.reason),
			err.msg);
	trial_settle(s->agent);
	set(s->agent, false);
	return 0;
}

static void close_timer(struct settling *s)
{
	if (!uv_is_closing((uv_handle_t *)&s->timer))
		uv_close((uv_handle_t *)&s->timer, NULL);
}

static void done(void *arg, int result)
{
	struct settling *s = arg;

	(void)result;
	close_timer(s);
	tell(s);
}

static void on_late(uv_timer_t *t)
{
	struct settling *s = t->data;

	log_err("settle-late after_s=%u", s->late_ms / 1000);
	tell(s);
}

void settling_start(struct settling *s, uv_loop_t *loop, struct agent *a,
		    unsigned late_ms, void (*ready)(void *arg), void *arg)
{
	static const struct job_ops ops = {.work = work, .done = done};
	struct job *job;
	int r;

	*s = (struct settling){
		.agent = a, .ready = ready, .arg = arg, .late_ms = late_ms};
	uv_timer_init(loop, &s->timer);
	s->timer.data = s;
	set(a, true);
	r = job_start(loop, &ops, s, &job);
	if (r < 0) {
		log_err("settle-failed error=\"%s\"", strerror(-r));
		set(a, false);
		done(s, r);
		return;
	}
	uv_timer_start(&s->timer, on_late, late_ms, 0);
}

void settling_stop(struct settling *s)
{
	s->ready = NULL;
	close_timer(s);
}
