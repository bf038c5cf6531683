// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The blocking driver of a peer engine: one loop (turn) that sends what waits, receives
 * what has come and sleeps on both.  While data is sent, answers are taken in and kept,
 * packed, for the client_next() to come, so that neither side waits for the other.
 */
#include "controller/client.h"

#include <assert.h>
#include <poll.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>

#include "controller/cancel.h"
#include "proto/base/clock.h"
#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/text.h"
#include "proto/version.h"

#define RECEIVE	   (64 * 1024)
#define KEPT_MAX   (4 * 1024 * 1024) /* memory for answers kept while sending */
#define AHEAD_MAX  4096		     /* bytes of a request that goes with Hello */

#define DEAD_AFTER 3 /* times the silence after which it was asked */

struct kept {
	struct kept *next;
	enum peer_event_type type;
	uint8_t flags;
	size_t len;
	uint8_t data[];
};

struct client {
	struct link *link;
	struct peer *peer;
	Kferry__Hello *hello;
	uint8_t *block;
	uint64_t sent;
	uint32_t id;			  /* of the last request */
	Kferry__Envelope__BodyCase ahead; /* it was sent with Hello */
	struct kept *kept, **kept_end;
	size_t kept_bytes;
	struct kept *given; /* handed out last */
	bool fd_next;	    /* the caller's descriptor has its turn */
	int watch_ms;	    /* 0: silence is no sign of anything */
	int64_t heard;
	bool pinged;
	struct wire_arena arena;
};

static int lost(struct client *c, int rc, struct kf_error *err)
{
	/* Ctrl-C ends the link's program, too. */
	if (atomic_load(cancel_flag()))
		rc = -ECANCELED;
	if (rc == -EHOSTDOWN)
		return kf_err(err, rc, KF_REASON_CONNECTION,
			      "%s: no sign of life for %d s: is the board on, and "
			      "connected?",
			      link_describe(c->link), c->watch_ms * DEAD_AFTER / 1000);
	if (rc == -ETIMEDOUT)
		return kf_err(err, rc, KF_REASON_TIMEOUT,
			      "%s: no answer in the time allowed",
			      link_describe(c->link));
	if (rc == -ECANCELED)
		return kf_err(err, rc, KF_REASON_CANCELLED, "cancelled");
	if (rc == -ECONNRESET || rc == -EPIPE) {
		rc = link_failure(c->link, err);
		kf_err_wrap(err, "%s", link_describe(c->link));
		return rc;
	}
	return kf_err(err, rc, KF_REASON_CONNECTION, "%s: %m", link_describe(c->link));
}

static int send_some(struct client *c)
{
	struct buf *out = peer_out(c->peer);

	while (buf_len(out)) {
		ssize_t n = send(link_fd(c->link), buf_data(out), buf_len(out),
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
		buf_consume(out, (size_t)n);
		c->sent += (uint64_t)n;
	}
	return 0;
}

/* 1: something came. */
static int receive_some(struct client *c)
{
	ssize_t n;
	int rc;

	do
		n = recv(link_fd(c->link), c->block, RECEIVE, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return -ECONNRESET;
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
	c->heard = clock_now_ms();
	c->pinged = false;
	rc = peer_feed(c->peer, c->block, (size_t)n);
	return rc < 0 ? rc : 1;
}

/* Until when to sleep: an agent that was silent is asked whether it is there. */
static deadline_ms wake_at(const struct client *c, deadline_ms deadline)
{
	deadline_ms at =
		c->heard + (deadline_ms)c->watch_ms * (c->pinged ? DEAD_AFTER : 1);

	return c->watch_ms && at < deadline ? at : deadline;
}

/* It was silent until then. */
static int silent(struct client *c, deadline_ms deadline)
{
	Kferry__Ping ping = KFERRY__PING__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(PING, ping, &ping);

	if (!deadline_left(deadline))
		return -ETIMEDOUT;
	if (c->pinged)
		return -EHOSTDOWN;
	c->pinged = true;
	return peer_send(c->peer, &env);
}

/* For more of what the caller's descriptor gives. */
static bool has_room(struct client *c)
{
	return buf_len(peer_out(c->peer)) < LIMIT_DATA;
}

/* Move bytes both ways once; sleep until more can be moved.  fd: wake for it, too; 2 when
 * it may be read.  An error of sending is shown only once nothing more comes: the agent's
 * last words may say why. */
static int turn(struct client *c, int fd, deadline_ms deadline)
{
	int sent = send_some(c), rc = receive_some(c);
	struct pollfd fds[3];

	if (rc != 0)
		return rc;
	if (sent < 0)
		return sent;
	fds[0] = (struct pollfd){.fd = link_fd(c->link), .events = POLLIN};
	if (buf_len(peer_out(c->peer)))
		fds[0].events |= POLLOUT;
	fds[1] = (struct pollfd){.fd = cancel_fd(), .events = POLLIN};
	fds[2] = (struct pollfd){.fd = has_room(c) ? fd : -1, .events = POLLIN};
	rc = poll(fds, 3, deadline_left(wake_at(c, deadline)));
	if (rc < 0 && errno != EINTR)
		return -errno;
	if (atomic_load(cancel_flag()))
		return -ECANCELED;
	if (rc == 0 && !deadline_left(wake_at(c, deadline)))
		return silent(c, deadline);
	return rc > 0 && fds[2].revents && !fds[0].revents ? 2 : 0;
}

/* Did the engine itself fail with rc? */
static bool is_peers(struct client *c, int rc)
{
	const struct kf_error *said = peer_error(c->peer);

	return said && said->code == rc;
}

static int peer_failed(struct client *c, int rc, struct kf_error *err)
{
	const struct kf_error *said = peer_error(c->peer);

	if (!said || !said->code)
		return kf_err(err, rc, KF_REASON_PROTOCOL, "%s: %m",
			      link_describe(c->link));
	return kf_err(err, said->code, said->reason, "%s: %s", link_describe(c->link),
		      said->msg);
}

/* --- answers kept while sending --------------------------------------------------------
 */

static int keep(struct client *c, const struct peer_event *ev)
{
	size_t n = ev->type == PEER_DATA ? ev->len
					 : kferry__envelope__get_packed_size(ev->env);
	struct kept *k;

	/* An answer without a byte takes some, too. */
	if (c->kept_bytes + sizeof(*k) + n > KEPT_MAX)
		return -ENOBUFS;
	k = malloc(sizeof(*k) + n);
	if (!k)
		return -ENOMEM;
	*k = (struct kept){.type = ev->type, .flags = ev->flags, .len = n};
	if (ev->type == PEER_DATA)
		memcpy(k->data, ev->data, n);
	else
		kferry__envelope__pack(ev->env, k->data);
	*c->kept_end = k;
	c->kept_end = &k->next;
	c->kept_bytes += sizeof(*k) + n;
	return 0;
}

static int take_kept(struct client *c, struct peer_event *ev)
{
	struct kept *k = c->kept;

	c->kept = k->next;
	if (!c->kept)
		c->kept_end = &c->kept;
	c->kept_bytes -= sizeof(*k) + k->len;
	c->given = k;
	*ev = (struct peer_event){.type = k->type, .flags = k->flags};
	if (k->type == PEER_ENVELOPE)
		return wire_unpack(&c->arena, k->data, k->len, &ev->env);
	ev->data = k->data;
	ev->len = k->len;
	return 0;
}

/* --- one conversation ------------------------------------------------------------------
 */

/* Is this an answer to what was asked last? */
static bool is_ours(const struct client *c, const struct peer_event *ev)
{
	if (ev->type == PEER_DATA)
		return true;
	if (ev->type != PEER_ENVELOPE ||
	    ev->env->body_case == KFERRY__ENVELOPE__BODY_PONG)
		return false;
	return ev->env->id == c->id || ev->env->id == 0;
}

/* The next event of the engine without waiting; PEER_NOTHING: more bytes are needed. */
static int pull(struct client *c, struct peer_event *ev, struct kf_error *err)
{
	for (;;) {
		int rc = peer_next(c->peer, ev);

		if (rc < 0)
			return peer_failed(c, rc, err);
		if (ev->type == PEER_NOTHING || ev->type == PEER_HELLO)
			return 0;
		if (!is_ours(c, ev))
			continue;
		if (ev->type == PEER_ENVELOPE &&
		    ev->env->body_case == KFERRY__ENVELOPE__BODY_ERROR)
			return wire_error(ev->env->error, err);
		return 0;
	}
}

static int next_event(struct client *c, int fd, deadline_ms deadline,
		      struct peer_event *ev, struct kf_error *err)
{
	for (;;) {
		int rc = pull(c, ev, err);

		if (rc < 0 || ev->type != PEER_NOTHING)
			return rc;
		rc = turn(c, fd, deadline);
		if (rc == 2)
			return 0;
		if (rc < 0)
			return is_peers(c, rc) ? peer_failed(c, rc, err)
					       : lost(c, rc, err);
	}
}

/* A descriptor that may be read comes after each answer: where these never end, it would
 * come never. */
static bool is_fds_turn(struct client *c, int fd)
{
	struct pollfd f = {.fd = fd, .events = POLLIN};
	bool next = c->fd_next;

	c->fd_next = false;
	return next && fd >= 0 && has_room(c) && poll(&f, 1, 0) > 0;
}

int client_next_or_fd(struct client *c, int fd, deadline_ms deadline,
		      struct peer_event *ev, struct kf_error *err)
{
	free(c->given);
	c->given = NULL;
	if (is_fds_turn(c, fd)) {
		*ev = (struct peer_event){.type = PEER_NOTHING};
		return 0;
	}
	c->fd_next = true;
	if (c->kept) {
		int rc = take_kept(c, ev);

		return rc < 0 ? kf_err(err, rc, KF_REASON_PROTOCOL, "%s: %m",
				       link_describe(c->link))
			      : 0;
	}
	return next_event(c, fd, deadline, ev, err);
}

int client_next(struct client *c, deadline_ms deadline, struct peer_event *ev,
		struct kf_error *err)
{
	return client_next_or_fd(c, -1, deadline, ev, err);
}

/* Send until less than `low` bytes wait. */
static int drain(struct client *c, size_t low, deadline_ms deadline, struct kf_error *err)
{
	while (buf_len(peer_out(c->peer)) > low) {
		struct peer_event ev;
		int rc = send_some(c);

		/* turn() would wait for an answer, and there may be none yet. */
		if (rc >= 0 && buf_len(peer_out(c->peer)) <= low)
			break;
		rc = turn(c, -1, deadline);

		if (rc < 0 && !is_peers(c, rc)) {
			struct kf_error last = {0};

			/* What came before the end may be the reason. */
			while (pull(c, &ev, &last) == 0 && ev.type != PEER_NOTHING)
				;
			if (last.code)
				return kf_err(err, last.code, last.reason, "%s",
					      last.msg);
			return lost(c, rc, err);
		}
		for (;;) {
			rc = pull(c, &ev, err);
			if (rc < 0)
				return rc;
			if (ev.type == PEER_NOTHING)
				break;
			rc = keep(c, &ev);
			if (rc < 0)
				return kf_err(err, rc, KF_REASON_PROTOCOL,
					      "%s: too many answers while data is sent",
					      link_describe(c->link));
		}
	}
	return 0;
}

static void drop_kept(struct client *c)
{
	while (c->kept) {
		struct kept *k = c->kept;

		c->kept = k->next;
		free(k);
	}
	c->kept_end = &c->kept;
	c->kept_bytes = 0;
	free(c->given);
	c->given = NULL;
}

static int queue_request(struct client *c, const Kferry__Envelope *env,
			 struct kf_error *err)
{
	Kferry__Envelope numbered = *env;
	int rc;

	numbered.id = ++c->id;
	rc = peer_send(c->peer, &numbered);
	return rc < 0 ? peer_failed(c, rc, err) : 0;
}

int client_request(struct client *c, const Kferry__Envelope *env, deadline_ms deadline,
		   struct kf_error *err)
{
	int rc;

	drop_kept(c);
	if (c->ahead) {
		assert(c->ahead == env->body_case);
		c->ahead = KFERRY__ENVELOPE__BODY__NOT_SET;
		return 0;
	}
	rc = queue_request(c, env, err);
	return rc < 0 ? rc : drain(c, 0, deadline, err);
}

int client_call(struct client *c, const Kferry__Envelope *env,
		Kferry__Envelope__BodyCase want, deadline_ms deadline,
		const Kferry__Envelope **ret, struct kf_error *err)
{
	struct peer_event ev;
	int rc = client_request(c, env, deadline, err);

	if (rc < 0)
		return rc;
	do {
		rc = client_next(c, deadline, &ev, err);
		if (rc < 0)
			return rc;
	} while (ev.type == PEER_ENVELOPE &&
		 ev.env->body_case == KFERRY__ENVELOPE__BODY_PROGRESS);
	if (ev.type != PEER_ENVELOPE || ev.env->body_case != want)
		return kf_err(err, -EBADMSG, KF_REASON_PROTOCOL,
			      "%s: %s was answered with %s", link_describe(c->link),
			      wire_body_name(env),
			      ev.type == PEER_DATA ? "data" : wire_body_name(ev.env));
	*ret = ev.env;
	return 0;
}

int client_queue_data(struct client *c, const void *data, size_t n, uint8_t flags,
		      struct kf_error *err)
{
	int rc = peer_send_data(c->peer, data, n, flags);

	return rc < 0 ? kf_err(err, rc, KF_REASON_CONNECTION, "%s: %m",
			       link_describe(c->link))
		      : 0;
}

int client_send_data(struct client *c, const void *data, size_t n, uint8_t flags,
		     deadline_ms deadline, struct kf_error *err)
{
	const uint8_t *at = data;

	do {
		size_t part = n < LIMIT_DATA ? n : LIMIT_DATA;
		int rc = client_queue_data(c, at, part, n == part ? flags : 0, err);

		/* The end must be out, and a sign of life, too; before, a frame may wait
		 * while the next is made. */
		bool out = n == part && (flags || part == 0);

		if (rc == 0)
			rc = drain(c, out ? 0 : LIMIT_DATA, deadline, err);
		if (rc < 0)
			return rc;
		at = part ? at + part : at;
		n -= part;
	} while (n);
	return 0;
}

int client_fd(const struct client *c)
{
	return link_fd(c->link);
}

void client_watch(struct client *c, int ms)
{
	c->watch_ms = ms;
	c->heard = clock_now_ms();
	c->pinged = false;
}

uint64_t client_bytes_sent(const struct client *c)
{
	return c->sent;
}

const Kferry__Hello *client_hello(const struct client *c)
{
	return c->hello;
}

const char *client_describe(const struct client *c)
{
	return link_describe(c->link);
}

void client_say(const struct client *c, struct ui *ui, const char *board)
{
	const char *note = link_note(c->link);

	if (*note)
		ui_debug(ui, "%s: %s, %s", board, link_describe(c->link), note);
}

bool client_peer(const struct client *c, struct sockaddr_storage *ret)
{
	return link_peer(c->link, ret);
}

/* --- opening ---------------------------------------------------------------------------
 */

/* "user@host" of this side, as others see it while this one holds the board. */
static void our_name(char *dst, size_t size)
{
	char host[65], room[1024];
	struct passwd entry, *pw = NULL;

	if (getpwuid_r(getuid(), &entry, room, sizeof(room), &pw) != 0)
		pw = NULL;
	if (gethostname(host, sizeof(host)) < 0)
		host[0] = '\0';
	host[sizeof(host) - 1] = '\0';
	snprintf(dst, size, "%.32s@%.64s", pw ? pw->pw_name : "user", host);
	if (!text_is_line(dst, size))
		snprintf(dst, size, "uid %u", (unsigned)getuid());
}

static int make_peer(struct client *c, struct kf_error *err)
{
	Kferry__Hello hello = KFERRY__HELLO__INIT;
	char name[100], software[] = "kferry " KF_VERSION;
	int rc;

	our_name(name, sizeof(name));
	hello.protocol_min = PROTOCOL_MIN;
	hello.protocol_max = PROTOCOL_MAX;
	hello.software = software;
	hello.max_control = LIMIT_CONTROL;
	hello.max_data = LIMIT_DATA;
	hello.client = name;
	rc = peer_new(PEER_CONTROLLER, &hello, &c->peer);
	return rc < 0 ? kf_err(err, rc, KF_REASON_NO_MEMORY, "connect: %m") : 0;
}

static int greet(struct client *c, deadline_ms deadline, struct kf_error *err)
{
	_buf_ struct buf copy = BUF_INIT;
	struct peer_event ev;
	uint8_t *room;
	size_t n;
	int rc;

	rc = next_event(c, -1, deadline, &ev, err);
	if (rc == -ETIMEDOUT)
		return kf_err(err, rc, KF_REASON_NO_AGENT,
			      "%s: the agent did not answer in time (timeout.connect)",
			      link_describe(c->link));
	if (rc < 0)
		return rc;
	if (ev.type != PEER_HELLO)
		return kf_err(err, -EBADMSG, KF_REASON_PROTOCOL,
			      "%s: the agent did not greet", link_describe(c->link));
	n = kferry__hello__get_packed_size(ev.env->hello);
	if (buf_reserve(&copy, n + 1, &room) == 0) {
		kferry__hello__pack(ev.env->hello, room);
		c->hello = kferry__hello__unpack(NULL, n, room);
	}
	return c->hello ? 0 : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "connect: %m");
}

int client_open(const struct config *cfg, const char *board, deadline_ms deadline,
		struct client **ret, struct kf_error *err)
{
	return client_open_asking(cfg, board, deadline, NULL, ret, err);
}

/* Another version may mean something else by the same bytes, so that there must be only
 * one; and an agent may take less in one message than this side. */
static int ask_ahead(struct client *c, const Kferry__Envelope *first,
		     struct kf_error *err)
{
	if (!first || PROTOCOL_MIN != PROTOCOL_MAX ||
	    kferry__envelope__get_packed_size(first) > AHEAD_MAX)
		return 0;
	c->ahead = first->body_case;
	return queue_request(c, first, err);
}

int client_open_asking(const struct config *cfg, const char *board, deadline_ms deadline,
		       const Kferry__Envelope *first, struct client **ret,
		       struct kf_error *err)
{
	struct client *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "connect: %m");
	c->kept_end = &c->kept;
	c->block = malloc(RECEIVE);
	rc = config_check_board(cfg, board, err);
	if (rc < 0) {
		client_close(c);
		return rc;
	}
	rc = c->block ? wire_arena_init(&c->arena) : -ENOMEM;
	if (rc < 0)
		kf_err(err, rc, KF_REASON_NO_MEMORY, "connect: %m");
	else
		rc = link_open(cfg, board, deadline, &c->link, err);
	if (rc == 0)
		rc = make_peer(c, err);
	if (rc == 0)
		rc = ask_ahead(c, first, err);
	if (rc == 0)
		rc = greet(c, deadline, err);
	if (rc < 0) {
		client_close(c);
		return rc;
	}
	*ret = c;
	return 0;
}

void client_close(struct client *c)
{
	if (!c)
		return;
	drop_kept(c);
	peer_free(c->peer);
	link_close(c->link);
	if (c->hello)
		kferry__hello__free_unpacked(c->hello, NULL);
	wire_arena_fini(&c->arena);
	free(c->block);
	free(c);
}
