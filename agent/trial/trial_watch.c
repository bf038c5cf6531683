/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The deadline of a running trial.
 *
 * One repeating timer looks at CLOCK_BOOTTIME (the loop's own clock stands still in a
 * suspend).  When the time is up the board reboots in an orderly way; if it is still
 * there a minute later it is reset; and from the first of these on nobody pets the
 * hardware watchdog any more, which is what ends a board that hangs on its way down.
 */
#include <limits.h>
#include <string.h>

#include "agent/trial/reboot.h"
#include "agent/trial/trial.h"
#include "agent/trial/watchdog.h"
#include "agent/trial/watchkeeper.h"
#include "proto/base/clock.h"
#include "proto/base/job.h"
#include "proto/base/log.h"
#include "proto/reason.h"

#define TICK_MIN_MS 200
#define KEEPER_MS   2000 /* how long it is waited for at first */
#define FORCE_MS    (TRIAL_GRACE_S * 1000)

enum stage { IDLE, WATCHING, REBOOTING, FORCED };

struct trial_watch {
	uv_timer_t timer;
	struct agent *a;
	struct watchdog *dog;
	enum stage stage;
	bool keep_petting; /* the watchdog cannot be stopped */
	bool kept;	   /* the early step's keeper has not let go of it yet */
	unsigned timeout_s;
	int64_t deadline; /* clock_now_ms() */
};

struct end {
	struct agent *a;
	Kferry__RebootMode mode;
};

static int end_work(struct job *job, void *arg)
{
	struct end *e = arg;
	struct kf_error err;
	int rc;

	(void)job;
	rc = reboot_now(e->a, e->mode, KFERRY__BOOT_END__BOOT_END_DEADLINE, &err);
	if (rc < 0)
		log_err("trial event=reboot error=\"%s\"", err.msg);
	return rc;
}

static void end_done(void *arg, int result)
{
	(void)result;
	free(arg);
}

/* On a thread of its own: an init system or a disk that hangs must not stop the clock. */
static void end_boot(struct trial_watch *w, Kferry__RebootMode mode)
{
	static const struct job_ops ops = {.work = end_work, .done = end_done};
	struct end *e = malloc(sizeof(*e));
	struct job *job;
	int rc = -ENOMEM;

	if (e) {
		*e = (struct end){.a = w->a, .mode = mode};
		rc = job_start(w->timer.loop, &ops, e, &job);
	}
	if (rc < 0) {
		free(e);
		log_err("trial event=reboot error=\"%s\"", strerror(-rc));
	}
}

static void take_later(struct trial_watch *w);

static void on_tick(uv_timer_t *timer)
{
	struct trial_watch *w = timer->data;
	int64_t now = clock_now_ms();

	if (w->kept && w->stage <= WATCHING)
		take_later(w);
	if (w->stage == WATCHING || w->keep_petting)
		watchdog_pet(w->dog);
	if (w->stage == WATCHING && now >= w->deadline) {
		log_err("trial slot=%s event=deadline", w->a->boot.slot);
		w->stage = REBOOTING;
		w->keep_petting = false;
		w->deadline = now + FORCE_MS;
		end_boot(w, KFERRY__REBOOT_MODE__REBOOT_NORMAL);
	} else if (w->stage == REBOOTING && now >= w->deadline) {
		log_err("trial slot=%s event=forced", w->a->boot.slot);
		w->stage = FORCED;
		end_boot(w, KFERRY__REBOOT_MODE__REBOOT_FORCE);
	}
}

static uint64_t tick_ms(const struct trial_watch *w)
{
	/* Nobody pets between the keeper's end and the next tick. */
	uint64_t ms = w->kept ? TICK_MIN_MS : (uint64_t)watchdog_pet_ms(w->dog);

	/* A short deadline is kept about as exactly as a long one. */
	if ((uint64_t)w->timeout_s * 1000 / 20 < ms)
		ms = (uint64_t)w->timeout_s * 1000 / 20;
	return ms < TICK_MIN_MS ? TICK_MIN_MS : ms;
}

static int start_timer(struct trial_watch *w)
{
	return uv_timer_start(&w->timer, on_tick, 0, tick_ms(w));
}

/* For `kferryd status` and `board info`, which ask from other threads. */
static void tell(struct trial_watch *w, const char *text)
{
	pthread_mutex_lock(&w->a->state_lock);
	snprintf(w->a->watchdog, sizeof(w->a->watchdog), "%s", text);
	pthread_mutex_unlock(&w->a->state_lock);
}

/* From its keeper, when there is one.  -EINPROGRESS: that one has it still; it was asked
 * and will let go, so nobody pets then until this is called again. */
static int take(struct trial_watch *w, int wait_ms)
{
	w->kept = watchkeeper_relieve(w->a, wait_ms) < 0;
	return w->kept ? -EINPROGRESS : watchdog_open(w->a, &w->dog);
}

static void say_how_it_stands(struct trial_watch *w, int rc)
{
	char text[256];

	watchdog_describe(w->a, w->dog, rc, text);
	tell(w, text);
	if (rc < 0)
		log_warn("watchdog event=none text=\"%s\"", text);
}

static int begin(struct trial_watch *w, unsigned timeout_s)
{
	int rc = w->dog ? 0 : take(w, KEEPER_MS);

	say_how_it_stands(w, rc);
	w->keep_petting = false;
	w->stage = WATCHING;
	w->timeout_s = timeout_s;
	w->deadline = w->a->boot.start_ms + (int64_t)timeout_s * 1000;
	return start_timer(w);
}

/* No trial (any more): it is stopped; one that cannot be is petted for ever, and one that
 * its keeper has is waited for. */
static int stop_dog(struct trial_watch *w, const char *cannot)
{
	w->keep_petting = !watchdog_release(&w->dog);
	w->timeout_s = UINT_MAX / 1000;
	tell(w, w->keep_petting ? cannot : "");
	if (w->keep_petting || w->kept)
		return start_timer(w);
	return uv_timer_stop(&w->timer);
}

/* No trial runs, and yet a watchdog may: the firmware started it, or an early step that
 * saw a trial. */
static int take_over(struct trial_watch *w)
{
	if (!watchdog_is_awaited(w->a) && !watchdog_was_left(w->a))
		return 0;
	if (take(w, KEEPER_MS) < 0 && !w->kept)
		return 0;
	return stop_dog(w,
			"runs without a trial, cannot be stopped: petted by the agent");
}

/* The keeper was too slow for take() the first time. */
static void take_later(struct trial_watch *w)
{
	int rc = take(w, 0);

	if (w->kept)
		return;
	if (w->stage == WATCHING) {
		say_how_it_stands(w, rc);
		rc = start_timer(w);
	} else {
		rc = stop_dog(w, "cannot be stopped: petted on by the agent");
	}
	if (rc < 0)
		log_err("trial event=watch error=\"no timer\"");
}

int trial_watch_start(uv_loop_t *loop, struct agent *a, struct trial_watch **ret,
		      struct kf_error *err)
{
	struct trial_watch *w = calloc(1, sizeof(*w));
	unsigned timeout_s;
	int rc;

	if (!w)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	w->a = a;
	w->timer.data = w;
	rc = uv_timer_init(loop, &w->timer);
	if (rc < 0) {
		free(w);
		return kf_err(err, rc, KF_REASON_IO, "start the trial's timer");
	}
	if (trial_timeout(a, &timeout_s))
		rc = begin(w, timeout_s);
	else
		rc = take_over(w);
	if (rc < 0) {
		trial_watch_stop(w);
		return kf_err(err, rc, KF_REASON_IO, "start the trial's timer");
	}
	*ret = w;
	return 0;
}

void trial_watch_update(struct trial_watch *w)
{
	unsigned timeout_s;
	bool runs = trial_timeout(w->a, &timeout_s);

	if (w->stage == IDLE && runs) {
		if (begin(w, timeout_s) < 0)
			log_err("trial event=watch error=\"no timer\"");
		return;
	}
	if (w->stage != WATCHING || runs)
		return;
	w->stage = IDLE;
	if (stop_dog(w, "cannot be stopped: petted on by the agent") < 0)
		log_err("trial event=watch error=\"no timer\"");
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void trial_watch_stop(struct trial_watch *w)
{
	if (!w)
		return;
	/* Still a trial: the watchdog goes on, and waits for the next agent, which may be
	 * one kernel further (kexec). */
	if (w->stage == WATCHING)
		watchdog_pet(w->dog);
	watchdog_leave(&w->dog);
	uv_timer_stop(&w->timer);
	uv_close((uv_handle_t *)&w->timer, on_closed);
}
