/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions over a socket pair: a board, and controllers made of the engine alone. */
#ifndef KF_TEST_SESSION_BOARD_H
#define KF_TEST_SESSION_BOARD_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "agent/log/boots.h"
#include "agent/session/session.h"
#include "proto/base/fs.h"
#include "proto/peer.h"
#include "proto/reason.h"
#include "tests/lib/scratch.h"

#define GIVE_UP_S 60

struct client {
	struct peer *peer;
	int fd;
	bool ended; /* the agent closed */
};

struct board {
	struct scratch s;
	uv_loop_t loop;
	struct session_env env;
	struct client c, other;
	unsigned live;
	uint32_t id;
};

static inline void session_ended(void *arg, struct session *s)
{
	struct board *b = arg;

	(void)s;
	b->live--;
}

/* --- a controller --------------------------------------------------------------- */

static inline void client_connect(struct board *b, struct client *c, const char *refuse)
{
	Kferry__Hello h = KFERRY__HELLO__INIT;
	struct session *session;
	int fds[2];

	h.protocol_min = h.protocol_max = 1;
	h.software = (char *)"test";
	h.client = (char *)(c == &b->c ? "dev@desk" : "eve@lab");
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
		0);
	assert_int_equal(session_new(&b->env, fds[0], (struct session_user){1000, 1000},
				     refuse, &session),
			 0);
	b->live++;
	*c = (struct client){.fd = fds[1]};
	assert_int_equal(peer_new(PEER_CONTROLLER, &h, &c->peer), 0);
}

static inline void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	peer_free(c->peer);
	c->peer = NULL;
}

/* Bytes both ways, and the loop; sleeps a little only when nothing moved. */
static inline void turn(struct board *b, struct client *c)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	struct buf *out = peer_out(c->peer);
	char chunk[4096];
	ssize_t n;

	if (buf_len(out) > 0) {
		n = send(c->fd, buf_data(out), buf_len(out), MSG_NOSIGNAL);
		if (n > 0)
			buf_consume(out, (size_t)n);
	}
	uv_run(&b->loop, UV_RUN_NOWAIT);
	if (poll(&p, 1, 1) <= 0)
		return;
	n = recv(c->fd, chunk, sizeof(chunk), 0);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		c->ended = true;
	if (n > 0)
		assert_int_equal(peer_feed(c->peer, chunk, (size_t)n), 0);
}

/* The next event; PEER_NOTHING: the agent has closed. */
static inline struct peer_event next(struct board *b, struct client *c)
{
	struct peer_event ev;

	for (;;) {
		assert_int_equal(peer_next(c->peer, &ev), 0);
		if (ev.type != PEER_NOTHING || c->ended)
			return ev;
		turn(b, c);
	}
}

static inline void flush(struct board *b, struct client *c)
{
	while (buf_len(peer_out(c->peer)) > 0)
		turn(b, c);
}

static inline void hello(struct board *b, struct client *c)
{
	client_connect(b, c, NULL);
	assert_int_equal(next(b, c).type, PEER_HELLO);
}

static inline void ask(struct board *b, struct client *c, Kferry__Envelope__BodyCase body,
		       void *msg)
{
	Kferry__Envelope env = KFERRY__ENVELOPE__INIT;

	env.id = ++b->id;
	env.body_case = body;
	env.status_request = msg; /* all are pointers in one union */
	assert_int_equal(peer_send(c->peer, &env), 0);
}

/* The next Envelope, which has to be of this kind and an answer to the last question. */
static inline const Kferry__Envelope *answer(struct board *b, struct client *c,
					     Kferry__Envelope__BodyCase want)
{
	struct peer_event ev;

	do
		ev = next(b, c);
	while (ev.type == PEER_ENVELOPE && want != KFERRY__ENVELOPE__BODY_PROGRESS &&
	       ev.env->body_case == KFERRY__ENVELOPE__BODY_PROGRESS);
	assert_int_equal(ev.type, PEER_ENVELOPE);
	if (ev.env->body_case == KFERRY__ENVELOPE__BODY_ERROR &&
	    want != KFERRY__ENVELOPE__BODY_ERROR)
		fail_msg("Error: %s", ev.env->error->text);
	assert_int_equal(ev.env->body_case, want);
	assert_int_equal(ev.env->id, b->id);
	return ev.env;
}

static inline void ask_status(struct board *b, struct client *c)
{
	Kferry__StatusRequest q = KFERRY__STATUS_REQUEST__INIT;

	ask(b, c, KFERRY__ENVELOPE__BODY_STATUS_REQUEST, &q);
}

static inline uint32_t expect_error(struct board *b, struct client *c)
{
	return answer(b, c, KFERRY__ENVELOPE__BODY_ERROR)->error->reason;
}

static inline void wait_no_sessions(struct board *b)
{
	while (b->live > 0)
		uv_run(&b->loop, UV_RUN_ONCE);
}

/* --- the board ------------------------------------------------------------------ */

static inline int setup(void **state)
{
	struct board *b = calloc(1, sizeof(*b));
	static const char kmsg[] = "6,1,100,-;first\n4,2,200,-;second\n KEY=v\n"
				   "3,3,300,-;third\n";

	assert_non_null(b);
	scratch_new(&b->s);
	scratch_write(&b->s, "dev/kmsg", kmsg, sizeof(kmsg) - 1);
	assert_int_equal(uv_loop_init(&b->loop), 0);
	b->env = (struct session_env){
		.loop = &b->loop,
		.agent = &b->s.a,
		.ended = session_ended,
		.arg = b,
	};
	b->c.fd = b->other.fd = -1;
	*state = b;
	alarm(GIVE_UP_S);
	return 0;
}

static inline int teardown(void **state)
{
	struct board *b = *state;

	client_close(&b->c);
	client_close(&b->other);
	wait_no_sessions(b);
	kernlog_stop(b->env.kernlog);
	uv_run(&b->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&b->loop), 0);
	scratch_free(&b->s);
	free(b);
	return 0;
}

static inline void start_log(void *arg)
{
	struct board *b = arg;
	struct kf_error err = {0};
	_close_ int fd = -1;

	assert_int_equal(boots_open(&b->s.a, &fd, &err), 0);
	assert_int_equal(kernlog_start(&b->loop, &b->s.a, fd, &b->env.kernlog, &err), 0);
}

static inline void send_all(struct board *b, struct client *c, const void *data, size_t n,
			    uint8_t flags)
{
	const uint8_t *at = data;

	while (n > 0 && !c->ended) {
		size_t part = n < 10000 ? n : 10000;

		assert_int_equal(peer_send_data(c->peer, at, part, part == n ? flags : 0),
				 0);
		at += part;
		n -= part;
		flush(b, c);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
