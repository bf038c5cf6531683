// SPDX-License-Identifier: GPL-2.0-or-later
/* Times are those of clock_now_ms(), given by the driver; nothing here waits or looks. */
#include "controller/session/session_engine.h"

#include <string.h>

#include "proto/reason.h"

static const struct sm_state states[] = {
	[SESSION_UP] = {"up",
			SM_TO(SESSION_SILENT) | SM_TO(SESSION_DOWN) | SM_TO(SESSION_OVER),
			false},
	[SESSION_SILENT] = {"silent",
			    SM_TO(SESSION_UP) | SM_TO(SESSION_DOWN) | SM_TO(SESSION_OVER),
			    false},
	[SESSION_DOWN] = {"down", SM_TO(SESSION_LOGIN) | SM_TO(SESSION_OVER), false},
	[SESSION_LOGIN] = {"login",
			   SM_TO(SESSION_UP) | SM_TO(SESSION_DOWN) | SM_TO(SESSION_OVER),
			   false},
	[SESSION_OVER] = {"over", 0, true},
};

static bool is(const struct session_engine *e, enum session_state s)
{
	return e->sm.now == s;
}

static bool has_connection(const struct session_engine *e)
{
	return is(e, SESSION_UP) || is(e, SESSION_SILENT);
}

void session_engine_init(struct session_engine *e, const struct session_rules *rules,
			 int64_t now)
{
	*e = (struct session_engine){
		.rules = *rules, .began = now, .heard = now, .used = now};
	sm_init(&e->sm, "session", states, ARRAY_SIZE(states), SESSION_UP);
}

void session_engine_heard(struct session_engine *e, int64_t now)
{
	if (!has_connection(e))
		return;
	e->heard = now;
	e->asked = 0;
	if (is(e, SESSION_SILENT))
		sm_move(&e->sm, SESSION_UP);
}

void session_engine_asked(struct session_engine *e, int64_t now)
{
	if (has_connection(e) && !e->asked)
		e->asked = e->patience = now;
}

void session_engine_doubt(struct session_engine *e, int64_t now)
{
	if (!has_connection(e))
		return;
	e->want_ask = true;
	session_engine_asked(e, now);
}

void session_engine_unsent(struct session_engine *e, int64_t now)
{
	e->patience = now;
}

void session_engine_use(struct session_engine *e, unsigned channels, int64_t now)
{
	if (channels || e->channels)
		e->used = now;
	e->channels = channels;
}

static void say(struct session_engine *e, const char *why)
{
	snprintf(e->why, sizeof(e->why), "%s", why);
}

void session_engine_lost(struct session_engine *e, const char *why, int64_t now)
{
	if (!has_connection(e))
		return;
	say(e, why);
	e->lost = now;
	e->retry = now + e->rules.retry_ms;
	e->asked = 0;
	e->want_ask = false;
	sm_move(&e->sm, SESSION_DOWN);
}

void session_engine_end(struct session_engine *e, const char *why)
{
	if (is(e, SESSION_OVER))
		return;
	say(e, why);
	sm_move(&e->sm, SESSION_OVER);
}

/* A board that boots refuses connections, and logins; that passes. */
static bool may_pass(int reason)
{
	return reason == KF_REASON_UNREACHABLE || reason == KF_REASON_TIMEOUT ||
	       reason == KF_REASON_AUTH || reason == KF_REASON_CONNECTION;
}

void session_engine_login(struct session_engine *e, const struct kf_error *err,
			  int64_t now)
{
	if (!is(e, SESSION_LOGIN))
		return;
	if (!err) {
		e->heard = now;
		e->asked = 0;
		sm_move(&e->sm, SESSION_UP);
		return;
	}
	say(e, err->msg);
	e->retry = now + e->rules.retry_ms;
	sm_move(&e->sm, may_pass(err->reason) ? SESSION_DOWN : SESSION_OVER);
}

bool session_engine_is_up(const struct session_engine *e)
{
	return is(e, SESSION_UP);
}

enum session_state session_engine_state(const struct session_engine *e)
{
	return e->sm.now;
}

const char *session_engine_name(const struct session_engine *e)
{
	return sm_name(&e->sm);
}

int64_t session_engine_idle(const struct session_engine *e, int64_t now)
{
	return e->channels ? 0 : now - e->used;
}

static void sooner(deadline_ms *wake, int64_t at)
{
	if (at < *wake)
		*wake = at;
}

/* A connection that is there: is it alive? */
static enum session_do watch(struct session_engine *e, int64_t now, deadline_ms *wake)
{
	const struct session_rules *r = &e->rules;

	if (e->want_ask || (!e->asked && now >= e->heard + r->ask_ms)) {
		e->want_ask = false;
		session_engine_asked(e, now);
		return SESSION_DO_ASK;
	}
	if (!e->asked) {
		sooner(wake, e->heard + r->ask_ms);
		return SESSION_DO_NOTHING;
	}
	if (now >= e->patience + r->dead_ms)
		return SESSION_DO_DROP;
	if (now >= e->asked + r->silent_ms && is(e, SESSION_UP))
		sm_move(&e->sm, SESSION_SILENT);
	sooner(wake, e->patience + r->dead_ms);
	if (is(e, SESSION_UP))
		sooner(wake, e->asked + r->silent_ms);
	return SESSION_DO_NOTHING;
}

enum session_do session_engine_step(struct session_engine *e, int64_t now,
				    deadline_ms *ret_wake)
{
	const struct session_rules *r = &e->rules;

	*ret_wake = DEADLINE_NEVER;
	if (r->idle_ms && !e->channels && !is(e, SESSION_OVER)) {
		if (now >= e->used + r->idle_ms)
			session_engine_end(e, "it was idle for session.idle");
		sooner(ret_wake, e->used + r->idle_ms);
	}
	switch ((enum session_state)e->sm.now) {
	case SESSION_UP:
	case SESSION_SILENT:
		return watch(e, now, ret_wake);
	case SESSION_DOWN:
		if (now >= e->lost + r->give_up_ms) {
			sm_move(&e->sm, SESSION_OVER);
			return SESSION_DO_END;
		}
		if (now >= e->retry) {
			sm_move(&e->sm, SESSION_LOGIN);
			return SESSION_DO_LOGIN;
		}
		sooner(ret_wake, e->retry);
		sooner(ret_wake, e->lost + r->give_up_ms);
		return SESSION_DO_NOTHING;
	case SESSION_LOGIN:
		return SESSION_DO_NOTHING;
	case SESSION_OVER:
		break;
	}
	return SESSION_DO_END;
}
