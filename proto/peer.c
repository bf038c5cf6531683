// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One side of a connection: frames, the HELLO exchange, validation, Ping.
 *
 * States: waiting for the other side's Hello, then open; `failed` ends both for ever.
 */
#include "proto/peer.h"

#include <string.h>

#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/text.h"

struct peer {
	enum peer_role role;
	uint32_t protocol_min, protocol_max; /* ours */
	struct frame_decoder frames;
	struct wire_arena arena;
	struct buf out;
	char *identity;
	size_t max_control, max_data; /* what the other side takes in one frame */
	bool open;
	int failed;
	struct kf_error err;
};

int peer_new(enum peer_role role, const Kferry__Hello *hello, struct peer **ret)
{
	Kferry__Envelope env = KFERRY__ENVELOPE__INIT;
	struct peer *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return -ENOMEM;
	p->role = role;
	p->protocol_min = hello->protocol_min;
	p->protocol_max = hello->protocol_max;
	p->max_control = LIMIT_CONTROL;
	p->max_data = LIMIT_DATA;
	frame_decoder_init(&p->frames);
	rc = wire_arena_init(&p->arena);
	if (rc < 0)
		goto fail;
	env.body_case = KFERRY__ENVELOPE__BODY_HELLO;
	env.hello = (Kferry__Hello *)hello;
	rc = wire_pack(&p->out, &env);
	if (rc < 0)
		goto fail;
	*ret = p;
	return 0;
fail:
	peer_free(p);
	return rc;
}

void peer_free(struct peer *p)
{
	if (!p)
		return;
	frame_decoder_fini(&p->frames);
	wire_arena_fini(&p->arena);
	buf_fini(&p->out);
	free(p->identity);
	free(p);
}

static _printf_(4, 5) int fail(struct peer *p, int code, int reason, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	kf_verr(&p->err, code, reason, fmt, ap);
	va_end(ap);
	p->failed = code;
	return code;
}

static int fail_protocol(struct peer *p, const char *what)
{
	return fail(p, -EPROTO, KF_REASON_PROTOCOL, "the other side sent %s", what);
}

static int fail_frame(struct peer *p, int code)
{
	if (code == -ENOMEM)
		return fail(p, code, KF_REASON_NO_MEMORY, "out of memory");
	if (code == -EMSGSIZE)
		return fail(p, code, KF_REASON_PROTOCOL,
			    "the other side sent a frame that is over its limit");
	return fail(p, code, KF_REASON_PROTOCOL,
		    "the other side sent something that is not a frame: perhaps a "
		    "program printed to the connection");
}

int peer_feed(struct peer *p, const void *data, size_t n)
{
	int rc;

	if (p->failed)
		return p->failed;
	rc = frame_feed(&p->frames, data, n);
	/* Frames before a wrong one are good: peer_next() gives them out, then fails. */
	if (rc == -ENOMEM)
		return fail_frame(p, rc);
	return 0;
}

static size_t or_limit(uint32_t n, size_t limit)
{
	return n && n < limit ? n : limit;
}

static int take_identity(struct peer *p, const Kferry__Identity *m)
{
	if (p->role != PEER_AGENT || p->open || p->identity)
		return fail_protocol(p, "its identity where none belongs");
	p->identity = strdup(m->name);
	if (!p->identity)
		return fail_frame(p, -ENOMEM);
	return 0;
}

static int take_hello(struct peer *p, const Kferry__Hello *m)
{
	if (p->open)
		return fail_protocol(p, "a second Hello");
	if (m->protocol_min > p->protocol_max || m->protocol_max < p->protocol_min)
		return fail(p, -EPROTONOSUPPORT, KF_REASON_VERSION,
			    "%s speaks protocol %u to %u, this side %u to %u: update the "
			    "older one",
			    *m->software ? m->software : "the other side",
			    m->protocol_min, m->protocol_max, p->protocol_min,
			    p->protocol_max);
	p->max_control = or_limit(m->max_control, LIMIT_CONTROL);
	p->max_data = or_limit(m->max_data, LIMIT_DATA);
	p->open = true;
	return 0;
}

static int send_pong(struct peer *p, uint32_t id)
{
	Kferry__Envelope env = KFERRY__ENVELOPE__INIT;
	Kferry__Pong pong = KFERRY__PONG__INIT;
	int rc;

	if (buf_len(&p->out) > LIMIT_OUT_QUEUE)
		return fail(
			p, -ENOBUFS, KF_REASON_PROTOCOL,
			"the other side asks on and on and does not read the answers");
	env.id = id;
	env.body_case = KFERRY__ENVELOPE__BODY_PONG;
	env.pong = &pong;
	rc = wire_pack(&p->out, &env);
	return rc < 0 ? fail_frame(p, rc) : 0;
}

static bool wrong_way(const struct peer *p, const Kferry__Envelope *env)
{
	enum wire_way way = wire_way(env);

	return way != WIRE_BOTH &&
	       way != (p->role == PEER_AGENT ? WIRE_TO_AGENT : WIRE_TO_CONTROLLER);
}

/* 1: *ret is an event; 0: it was the engine's own business. */
static int take_envelope(struct peer *p, const Kferry__Envelope *env,
			 struct peer_event *ret)
{
	int rc;

	if (env->body_case == KFERRY__ENVELOPE__BODY_IDENTITY)
		return take_identity(p, env->identity);
	if (env->body_case == KFERRY__ENVELOPE__BODY_HELLO) {
		rc = take_hello(p, env->hello);
		if (rc < 0)
			return rc;
		*ret = (struct peer_event){.type = PEER_HELLO, .env = env};
		return 1;
	}
	if (!p->open)
		return fail_protocol(p, "a message before its Hello");
	if (env->body_case == KFERRY__ENVELOPE__BODY_PING)
		return send_pong(p, env->id);
	if (wrong_way(p, env))
		return fail(p, -EPROTO, KF_REASON_PROTOCOL,
			    "the other side sent %s, which is not its to send",
			    wire_body_name(env));
	*ret = (struct peer_event){.type = PEER_ENVELOPE, .env = env};
	return 1;
}

static int take_control(struct peer *p, const struct frame *f, struct peer_event *ret)
{
	const Kferry__Envelope *env;
	int rc = wire_unpack(&p->arena, f->payload, f->len, &env);

	if (rc == -EMSGSIZE)
		return fail(p, rc, KF_REASON_PROTOCOL,
			    "the other side sent a message that needs too much memory");
	if (rc < 0)
		return fail(p, rc, KF_REASON_PROTOCOL,
			    "the other side sent a message that is not valid (%s)",
			    p->arena.fault ? p->arena.fault : "malformed");
	return take_envelope(p, env, ret);
}

static int take_data(struct peer *p, const struct frame *f, struct peer_event *ret)
{
	if (!p->open)
		return fail_protocol(p, "data before its Hello");
	*ret = (struct peer_event){
		.type = PEER_DATA,
		.data = f->payload,
		.len = f->len,
		.flags = f->flags,
	};
	return 1;
}

int peer_next(struct peer *p, struct peer_event *ret)
{
	struct peer_event ev;
	struct frame f;

	for (;;) {
		int rc;

		if (p->failed)
			return p->failed;
		rc = frame_next(&p->frames, &f);
		if (rc < 0)
			return fail_frame(p, rc);
		if (rc == 0)
			break;
		if (f.type == FRAME_DATA)
			rc = take_data(p, &f, &ev);
		else
			rc = take_control(p, &f, &ev);
		if (rc < 0)
			return rc;
		if (rc > 0) {
			*ret = ev;
			return 0;
		}
	}
	*ret = (struct peer_event){.type = PEER_NOTHING};
	return 0;
}

int peer_send(struct peer *p, const Kferry__Envelope *env)
{
	const char *fault;
	int rc;

	if (p->failed)
		return p->failed;
	fault = wire_fault(env);
	if (fault)
		return kf_err(&p->err, -EINVAL, KF_REASON_INVALID,
			      "%s cannot be sent: its %s is not valid",
			      wire_body_name(env), fault);
	if (kferry__envelope__get_packed_size(env) > p->max_control)
		return kf_err(&p->err, -EMSGSIZE, KF_REASON_PROTOCOL,
			      "%s cannot be sent: it is over %zu bytes",
			      wire_body_name(env), p->max_control);
	rc = wire_pack(&p->out, env);
	return rc < 0 ? kf_err(&p->err, rc, KF_REASON_NO_MEMORY, "out of memory") : 0;
}

_Static_assert(4 * KF_ERROR_MAX <= LIMIT_STRING, "an escaped error text can be sent");

int peer_send_error(struct peer *p, uint32_t id, const struct kf_error *err,
		    const char *holder)
{
	Kferry__Envelope env = KFERRY__ENVELOPE__INIT;
	Kferry__Error m = KFERRY__ERROR__INIT;
	_buf_ struct buf text = BUF_INIT;
	int rc;

	rc = text_escape(&text, err->msg, strnlen(err->msg, sizeof(err->msg)), true);
	if (rc < 0)
		return rc;
	m.text = (char *)buf_str(&text);
	if (!m.text)
		return -ENOMEM;
	m.reason = err->reason > 0 ? (uint32_t)err->reason : KF_REASON_UNSPECIFIED;
	m.error_number = err->code < 0 ? (uint32_t)-err->code : 0;
	if (holder)
		m.holder = (char *)holder;
	env.id = id;
	env.body_case = KFERRY__ENVELOPE__BODY_ERROR;
	env.error = &m;
	return peer_send(p, &env);
}

static int send_frame(struct peer *p, const uint8_t *data, size_t n, uint8_t flags)
{
	uint8_t *at;
	int rc = buf_reserve(&p->out, FRAME_HEADER + n, &at);

	if (rc < 0)
		return rc;
	frame_header(at, FRAME_DATA, flags, n);
	if (n)
		memcpy(at + FRAME_HEADER, data, n);
	buf_commit(&p->out, FRAME_HEADER + n);
	return 0;
}

int peer_send_data(struct peer *p, const void *data, size_t n, uint8_t flags)
{
	const uint8_t *at = data;
	int rc;

	if (p->failed)
		return p->failed;
	if (n > LIMIT_DATA || (flags & ~(FRAME_END | FRAME_STDERR)))
		return -EINVAL;
	while (n > p->max_data) {
		rc = send_frame(p, at, p->max_data, flags & (uint8_t)~FRAME_END);
		if (rc < 0)
			return rc;
		at += p->max_data;
		n -= p->max_data;
	}
	return send_frame(p, at, n, flags);
}

struct buf *peer_out(struct peer *p)
{
	return &p->out;
}

const char *peer_identity(const struct peer *p)
{
	return p->identity;
}

const struct kf_error *peer_error(const struct peer *p)
{
	return &p->err;
}
