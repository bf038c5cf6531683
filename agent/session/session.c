/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The session: HELLO, dispatch by body case, one operation at a time, the end.
 *
 *	hello --> idle <--> busy
 *	  |         |         |  the other side ends, or the agent stops
 *	  |         |      ending
 *	  +---------+---------+--> closing --> closed
 */
#include "agent/session/session.h"

#include <assert.h>
#include <string.h>

#include "agent/session/session_op.h"
#include "proto/base/log.h"
#include "proto/digest.h"
#include "proto/reason.h"
#include "proto/text.h"
#include "proto/version.h"

/*
 * For the other side.  A network that is gone is nothing that a socket tells (the SSH
 * server's own time-outs are hours), and a board must not be held by a dead connection.
 */
#define HELLO_MS 10000
#define STALL_MS (2 * 60 * 1000)  /* for the next bytes of a deploy */
#define HELD_MS	 (10 * 60 * 1000) /* for the next request, while the board is its */
#define IDLE_MS	 (60 * 60 * 1000) /* for the next request */

enum { S_HELLO, S_IDLE, S_BUSY, S_ENDING, S_CLOSING, S_CLOSED };

static const struct sm_state states[] = {
	[S_HELLO] = {"hello", SM_TO(S_IDLE) | SM_TO(S_CLOSING), false},
	[S_IDLE] = {"idle", SM_TO(S_BUSY) | SM_TO(S_CLOSING), false},
	[S_BUSY] = {"busy", SM_TO(S_IDLE) | SM_TO(S_ENDING), false},
	[S_ENDING] = {"ending", SM_TO(S_CLOSING), false},
	[S_CLOSING] = {"closing", SM_TO(S_CLOSED), false},
	[S_CLOSED] = {"closed", 0, true},
};

static const struct {
	Kferry__Envelope__BodyCase body;
	session_handler *handler;
} requests[] = {
	{KFERRY__ENVELOPE__BODY_STATUS_REQUEST, session_call},
	{KFERRY__ENVELOPE__BODY_FACTS_REQUEST, session_call},
	{KFERRY__ENVELOPE__BODY_SLOTS_REQUEST, session_call},
	{KFERRY__ENVELOPE__BODY_ARM_REQUEST, session_call},
	{KFERRY__ENVELOPE__BODY_CONFIRM_REQUEST, session_call},
	{KFERRY__ENVELOPE__BODY_REMOVE_REQUEST, session_call},
	{KFERRY__ENVELOPE__BODY_ROLLBACK_REQUEST, session_call},
	{KFERRY__ENVELOPE__BODY_MODULES_REQUEST, session_call},
	{KFERRY__ENVELOPE__BODY_MODULE_REQUEST, session_call},
	{KFERRY__ENVELOPE__BODY_SHOW_MODULES_REQUEST, session_call},
	{KFERRY__ENVELOPE__BODY_REBOOT_REQUEST, session_reboot},
	{KFERRY__ENVELOPE__BODY_PLAN_REQUEST, session_plan},
	{KFERRY__ENVELOPE__BODY_LOG_REQUEST, session_log},
	{KFERRY__ENVELOPE__BODY_BOOTS_REQUEST, session_boots},
	{KFERRY__ENVELOPE__BODY_COLLECT_REQUEST, session_collect},
	{KFERRY__ENVELOPE__BODY_EXEC_REQUEST, session_exec},
};

/* --- the end -------------------------------------------------------------------- */

static void close_session(struct session *s)
{
	sm_move(&s->sm, S_CLOSING);
	if (s->held)
		deploy_end(TAKE_PTR(s->held));
	uv_timer_stop(&s->timer);
	stream_close(s->stream);
}

/* The other side is gone or unwanted: end what runs, then close. */
static void wind_up(struct session *s)
{
	if (s->sm.now >= S_ENDING)
		return;
	if (s->sm.now != S_BUSY) {
		close_session(s);
		return;
	}
	sm_move(&s->sm, S_ENDING);
	if (s->op->cancel)
		s->op->cancel(s);
}

void session_stop(struct session *s)
{
	wind_up(s);
}

static void handle_closed(uv_handle_t *h)
{
	struct session *s = h->data;

	if (--s->handles > 0)
		return;
	log_info("session-end holder=\"%s\"", s->holder);
	s->env->ended(s->env->arg, s);
	free(s);
}

/* --- who says nothing ----------------------------------------------------------- */

static void on_silence(uv_timer_t *t)
{
	struct session *s = t->data;
	struct kf_error err = {0};

	kf_err(&err, -ETIMEDOUT, KF_REASON_TIMEOUT,
	       "nothing came for too long, so this connection ends");
	log_warn("session-silent holder=\"%s\" state=%s", s->holder, sm_name(&s->sm));
	if (s->sm.now == S_BUSY)
		session_send_error(s, &err);
	wind_up(s);
}

static void await(struct session *s, unsigned set_ms, unsigned ms)
{
	if (!s->giving_up)
		uv_timer_start(&s->timer, on_silence, set_ms ? set_ms : ms, 0);
}

void session_await(struct session *s)
{
	await(s, s->env->stall_ms, STALL_MS);
}

void session_await_off(struct session *s)
{
	if (!s->giving_up)
		uv_timer_stop(&s->timer);
}

static void await_request(struct session *s)
{
	if (s->held)
		await(s, s->env->held_ms, HELD_MS);
	else
		await(s, 0, IDLE_MS);
}

/* --- operations ----------------------------------------------------------------- */

void session_begin(struct session *s, const struct session_op *op, void *op_data)
{
	assert(!s->op);
	session_await_off(s);
	sm_move(&s->sm, S_BUSY);
	s->op = op;
	s->op_data = op_data;
}

void session_end(struct session *s)
{
	assert(s->op);
	s->op = NULL;
	s->op_data = NULL;
	if (s->sm.now == S_ENDING) {
		close_session(s);
		return;
	}
	sm_move(&s->sm, S_IDLE);
	await_request(s);
	stream_resume(s->stream);
}

static void on_give_up(uv_timer_t *t)
{
	wind_up(t->data);
}

/* Nothing can be said any more: what was promised would be missing.  Not at once, because
 * the operation that is sending must not be cancelled under its feet. */
static void cannot_send(struct session *s, int code)
{
	log_err("send-failed holder=\"%s\" error=\"%s\"", s->holder, uv_strerror(code));
	if (s->sm.now >= S_CLOSING)
		return;
	s->giving_up = true;
	uv_timer_start(&s->timer, on_give_up, 0, 0);
}

static void send_error(struct session *s, uint32_t id, const struct kf_error *err)
{
	char holder[LIMIT_PERSON + 1] = "";
	int r;

	if (err->reason == KF_REASON_BUSY)
		deploy_holder(s->env->agent, holder, sizeof(holder));
	r = peer_send_error(stream_peer(s->stream), id, err, holder);
	if (r < 0)
		cannot_send(s, r);
	else
		stream_kick(s->stream);
}

static void refuse(struct session *s, uint32_t id, const struct kf_error *err)
{
	log_warn("refused holder=\"%s\" id=%u reason=%s text=\"%s\"", s->holder, id,
		 reason_name(err->reason), err->msg);
	send_error(s, id, err);
}

void session_send_error(struct session *s, const struct kf_error *err)
{
	refuse(s, s->id, err);
}

void session_send(struct session *s, Kferry__Envelope *env)
{
	struct peer *p = stream_peer(s->stream);
	int r;

	env->id = s->id;
	r = peer_send(p, env);
	if (r == -EINVAL || r == -EMSGSIZE) {
		struct kf_error err = *peer_error(p);

		session_send_error(s, &err);
	} else if (r < 0) {
		cannot_send(s, r);
	} else {
		stream_kick(s->stream);
	}
}

void session_send_data(struct session *s, const void *data, size_t n, uint8_t flags)
{
	int r = peer_send_data(stream_peer(s->stream), data, n, flags);

	if (r < 0)
		cannot_send(s, r);
	else
		stream_kick(s->stream);
}

void session_send_done(struct session *s, const char *text)
{
	Kferry__Envelope env = KFERRY__ENVELOPE__INIT;
	Kferry__Done done = KFERRY__DONE__INIT;

	done.text = (char *)text;
	env.body_case = KFERRY__ENVELOPE__BODY_DONE;
	env.done = &done;
	session_send(s, &env);
}

/* --- what comes in -------------------------------------------------------------- */

static void dispatch(struct session *s, const Kferry__Envelope *env)
{
	struct kf_error err = {0};

	if (s->sm.now == S_BUSY) {
		kf_err(&err, -EPROTO, KF_REASON_PROTOCOL,
		       "one request at a time: %s is still under way", s->op->name);
		refuse(s, env->id, &err);
		return;
	}
	s->id = env->id;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		if (requests[i].body != env->body_case)
			continue;
		log_info("request holder=\"%s\" id=%u what=%s", s->holder, env->id,
			 wire_body_name(env));
		requests[i].handler(s, env);
		return;
	}
	kf_err(&err, -EOPNOTSUPP, KF_REASON_UNSUPPORTED,
	       "this agent (kferryd " KF_VERSION ") does not know the request %s",
	       wire_body_name(env));
	refuse(s, env->id, &err);
}

/* "alice (uid 1000) user@host", cut where it would be too long to show. */
static void name_holder(struct session *s, const Kferry__Hello *hello)
{
	const char *name = peer_identity(stream_peer(s->stream));
	char uid[24];

	snprintf(uid, sizeof(uid), "uid %u", (unsigned)s->user.uid);
	if (name)
		snprintf(s->holder, sizeof(s->holder), "%s (%s)", name, uid);
	else
		snprintf(s->holder, sizeof(s->holder), "%s", uid);
	if (*hello->client) {
		size_t n = strlen(s->holder);

		snprintf(s->holder + n, sizeof(s->holder) - n, " %s", hello->client);
	}
}

static void on_hello(struct session *s, const Kferry__Hello *hello)
{
	digest_speed_up(); /* the agent may have started before there were random numbers
			    */
	name_holder(s, hello);
	log_info("session-start holder=\"%s\" uid=%u gid=%u software=\"%s\"", s->holder,
		 (unsigned)s->user.uid, (unsigned)s->user.gid, hello->software);
	sm_move(&s->sm, S_IDLE);
	await_request(s);
	if (s->refuse) {
		struct kf_error err = {0};

		kf_err(&err, -EBUSY, KF_REASON_BUSY, "%s", s->refuse);
		refuse(s, 0, &err);
		wind_up(s);
	}
}

static void on_event(void *arg, const struct peer_event *ev)
{
	struct session *s = arg;

	if (s->sm.now >= S_ENDING)
		return;
	switch (ev->type) {
	case PEER_HELLO:
		on_hello(s, ev->env->hello);
		break;
	case PEER_ENVELOPE:
		dispatch(s, ev->env);
		break;
	case PEER_DATA:
		if (s->op && s->op->data)
			s->op->data(s, ev);
		break;
	case PEER_NOTHING:
		break;
	}
}

static void on_room(void *arg)
{
	struct session *s = arg;

	if (s->op && s->op->room && s->sm.now == S_BUSY)
		s->op->room(s);
}

static void on_flushed(void *arg)
{
	struct session *s = arg;

	if (s->op && s->op->flushed)
		s->op->flushed(s);
}

static void on_ended(void *arg, const struct kf_error *why)
{
	struct session *s = arg;

	if (why)
		log_warn("session-broken holder=\"%s\" state=%s reason=%s text=\"%s\"",
			 s->holder, sm_name(&s->sm), reason_name(why->reason), why->msg);
	wind_up(s);
}

static void on_closed(void *arg)
{
	struct session *s = arg;

	sm_move(&s->sm, S_CLOSED);
	uv_close((uv_handle_t *)&s->timer, handle_closed);
}

static void on_hello_timeout(uv_timer_t *t)
{
	struct session *s = t->data;

	log_warn("session-silent holder=\"%s\" ms=%d", s->holder, HELLO_MS);
	wind_up(s);
}

static const struct stream_ops stream_ops = {
	.event = on_event,
	.room = on_room,
	.flushed = on_flushed,
	.ended = on_ended,
	.closed = on_closed,
};

/* --- the beginning -------------------------------------------------------------- */

static void read_hostname(char dst[static LIMIT_NAME + 1])
{
	if (gethostname(dst, LIMIT_NAME + 1) < 0)
		dst[0] = '\0';
	dst[LIMIT_NAME] = '\0';
	if (!text_is_plain(dst, strlen(dst), false))
		dst[0] = '\0';
}

static int open_stream(struct session *s, int fd)
{
	struct agent *a = s->env->agent;
	char hostname[LIMIT_NAME + 1];
	Kferry__Hello h = KFERRY__HELLO__INIT;

	read_hostname(hostname);
	h.protocol_min = PROTOCOL_MIN;
	h.protocol_max = PROTOCOL_MAX;
	h.features = FEATURE_KEXEC | FEATURE_DELTA | FEATURE_MODULES;
	h.software = (char *)"kferryd " KF_VERSION;
	h.max_control = LIMIT_CONTROL;
	h.max_data = LIMIT_DATA;
	h.arch = (char *)manifest_arch_of_machine(a->boot.machine);
	h.hostname = hostname;
	h.boot_id = a->boot.boot_id;
	h.board_kind = a->conf.board_kind ? a->conf.board_kind : (char *)"";
	return stream_new(s->env->loop, fd, &h, &stream_ops, s, &s->stream);
}

int session_new(struct session_env *env, int fd, struct session_user user,
		const char *refuse, struct session **ret)
{
	struct session *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->env = env;
	s->user = user;
	s->refuse = refuse;
	snprintf(s->holder, sizeof(s->holder), "uid %u", (unsigned)user.uid);
	sm_init(&s->sm, "session", states, ARRAY_SIZE(states), S_HELLO);
	r = open_stream(s, fd);
	if (r < 0) {
		free(s);
		return r;
	}
	uv_timer_init(env->loop, &s->timer);
	s->timer.data = s;
	s->handles = 1;
	uv_timer_start(&s->timer, on_hello_timeout, HELLO_MS, 0);
	*ret = s;
	return 0;
}
