// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The driver: poll, step everything that may go on, do what the engine says.  A guest
 * that is to be stepped first is another one each time, so that no stream has the line
 * for itself.
 */
#include "controller/session/session_server.h"

#include <jansson.h>
#include <string.h>
#include <sys/socket.h>

#include "controller/cancel.h"
#include "controller/session/session_engine.h"
#include "controller/session/session_guest.h"
#include "controller/session/session_place.h"
#include "proto/reason.h"

#define ASK_MS	  15000
#define SILENT_MS 2000
#define DEAD_MS	  15000
#define RETRY_MS  3000
#define OPEN_MS	  60000 /* for a channel; who asked for it waits less long */
#define STEPS	  8	/* between two looks at the descriptors */
#define FIXED	  4	/* descriptors besides the guests' */

struct server {
	const struct session_server *s;
	struct carrier *carrier; /* NULL while there is no connection */
	struct carrier_login *login;
	deadline_ms login_end;
	struct session_engine engine;
	uint64_t heard;
	struct guest guests[SESSION_GUESTS];
	/* A channel that waits for its command: to open it takes a round trip. */
	struct ssh_flow *spare;
	bool no_spare; /* the far side opens no more, until one is closed */
	unsigned first;
	bool stopped;
};

static bool in_use(const struct guest *g)
{
	return !guest_is_done(g);
}

static unsigned count_channels(const struct server *v)
{
	unsigned n = 0;

	for (size_t i = 0; i < SESSION_GUESTS; i++)
		n += v->guests[i].flow != NULL;
	return n;
}

/* --- requests --------------------------------------------------------------------------
 */

static int begin(struct server *v, struct guest *g, const struct session_run *request)
{
	struct ssh_flow *flow = TAKE_PTR(v->spare);
	deadline_ms deadline = deadline_in(OPEN_MS);
	int rc = flow ? 0 : carrier_open(v->carrier, deadline, &flow);

	return rc < 0 ? rc : guest_run(g, flow, request, deadline);
}

static void run(struct server *v, struct guest *g, const struct session_frame *f)
{
	struct kf_error err = {0};
	struct session_run request;

	if (session_take_run(f, &request) < 0) {
		guest_refuse(g, "it is no request");
	} else if (!digest_equal(&request.target, &v->s->target)) {
		guest_refuse(g, "it is another target's session");
	} else if (!session_engine_is_up(&v->engine) || !v->carrier) {
		guest_refuse(g, v->engine.why[0] && !v->carrier ? v->engine.why
								: "the board is silent");
	} else if (carrier_check_key(v->carrier, &err) < 0) {
		guest_refuse(g, err.msg);
		session_engine_end(&v->engine, err.msg);
	} else if (begin(v, g, &request) < 0) {
		guest_refuse(g, "no memory");
	} else {
		session_engine_asked(&v->engine, clock_now_ms());
	}
}

static void tell_status(struct server *v, struct guest *g)
{
	int64_t now = clock_now_ms();
	json_t *j = json_pack("{s:s, s:s*, s:s, s:i, s:I, s:I, s:I, s:I, s:s*}", "board",
			      v->s->board, "target",
			      v->carrier ? carrier_who(v->carrier) : NULL, "state",
			      session_engine_name(&v->engine), "pid", (int)getpid(),
			      "up_ms", (json_int_t)(now - v->engine.began), "idle_ms",
			      (json_int_t)session_engine_idle(&v->engine, now),
			      "idle_limit_ms", (json_int_t)v->engine.rules.idle_ms,
			      "channels", (json_int_t)count_channels(v), "error",
			      v->engine.why[0] ? v->engine.why : NULL);
	char *text = j ? json_dumps(j, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

	json_decref(j);
	if (text)
		guest_tell(g, SESSION_STATUS, text);
	else
		guest_refuse(g, "no memory");
	free(text);
}

static void stop(struct server *v, struct guest *g)
{
	v->stopped = true;
	session_engine_end(&v->engine, "it was stopped");
	guest_tell(g, SESSION_STOPPED, "");
}

static void serve_request(struct server *v, struct guest *g)
{
	struct session_frame f;
	int rc = guest_request(g, &f);

	if (rc == -EPROTONOSUPPORT) {
		guest_refuse(g, "the session was started by another version of kferry");
		return;
	}
	if (rc < 0)
		guest_fini(g);
	if (rc <= 0)
		return;
	if (f.type == SESSION_RUN)
		run(v, g, &f);
	else if (f.type == SESSION_LOOK)
		tell_status(v, g);
	else if (f.type == SESSION_STOP)
		stop(v, g);
	else
		guest_refuse(g, "it is no request");
	session_frame_done(&g->in, &f);
}

static void accept_guest(struct server *v)
{
	_close_ int fd =
		accept4(v->s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 || !session_place_is_ours(fd, NULL))
		return;
	for (size_t i = 0; i < SESSION_GUESTS; i++)
		if (!in_use(&v->guests[i])) {
			guest_fini(&v->guests[i]);
			guest_init(&v->guests[i], TAKE_FD(fd));
			return;
		}
}

/* --- the connection --------------------------------------------------------------------
 */

static void lose(struct server *v, const char *why)
{
	char text[300];

	snprintf(text, sizeof(text), "the connection was lost: %s", why);
	for (size_t i = 0; i < SESSION_GUESTS; i++)
		if (v->guests[i].flow)
			guest_end(&v->guests[i], text);
	session_engine_lost(&v->engine, text, clock_now_ms());
	ssh_flow_free(TAKE_PTR(v->spare));
	v->no_spare = false;
	carrier_free(v->carrier);
	v->carrier = NULL;
	v->heard = 0;
}

static void login(struct server *v)
{
	struct kf_error err = {0};
	int64_t limit = config_ms(v->s->cfg, v->s->board, "timeout.connect");

	v->login_end = deadline_in(limit);
	if (carrier_login_start(v->s->cfg, v->s->board, v->login_end, &v->login, &err) <
	    0)
		session_engine_login(&v->engine, &err, clock_now_ms());
}

static void end_login(struct server *v)
{
	struct kf_error err = {0};
	int rc = carrier_login_end(v->login, &v->carrier, &err);

	v->login = NULL;
	session_engine_login(&v->engine, rc < 0 ? &err : NULL, clock_now_ms());
}

/* Have a channel in reserve, where the far side opens that many. */
static void keep_spare(struct server *v)
{
	if (v->spare)
		ssh_flow_step(v->spare);
	if (v->spare && ssh_flow_is_over(v->spare)) {
		ssh_flow_free(TAKE_PTR(v->spare));
		v->no_spare = true;
	}
	if (!v->spare && !v->no_spare && session_engine_is_up(&v->engine) &&
	    carrier_open(v->carrier, deadline_in(OPEN_MS), &v->spare) == 0)
		ssh_flow_step(v->spare);
}

/* What the engine wants done; until when to wait. */
static deadline_ms obey(struct server *v)
{
	deadline_ms wake = DEADLINE_NEVER;
	unsigned channels = count_channels(v);

	if (channels < v->engine.channels)
		v->no_spare = false;
	session_engine_use(&v->engine, channels, clock_now_ms());
	for (;;) {
		int64_t now = clock_now_ms();

		switch (session_engine_step(&v->engine, now, &wake)) {
		case SESSION_DO_ASK:
			carrier_ask(v->carrier);
			break;
		case SESSION_DO_DROP:
			if (carrier_is_sending(v->carrier))
				session_engine_unsent(&v->engine, now);
			else
				lose(v, "no sign of life");
			break;
		case SESSION_DO_LOGIN:
			login(v);
			break;
		case SESSION_DO_END:
			v->stopped = true;
			return wake;
		case SESSION_DO_NOTHING:
			return wake;
		}
	}
}

/* Has the far side said something since the last look?  Whatever takes packets in takes
 * those of all channels: after it each of them may have something to do. */
static bool has_heard(struct server *v)
{
	uint64_t heard = v->carrier ? carrier_heard(v->carrier) : 0;

	if (heard == v->heard)
		return false;
	v->heard = heard;
	if (heard)
		session_engine_heard(&v->engine, clock_now_ms());
	return true;
}

/* Move what goes.  true: there may be more. */
static bool step(struct server *v)
{
	bool more = false;

	if (v->carrier && carrier_step(v->carrier) < 0)
		lose(v, carrier_error(v->carrier));
	if (v->carrier)
		keep_spare(v);
	v->first = (v->first + 1) % SESSION_GUESTS;
	for (size_t i = 0; i < SESSION_GUESTS; i++) {
		struct guest *g = &v->guests[(v->first + i) % SESSION_GUESTS];

		if (in_use(g))
			more |= guest_step(g, v->carrier);
	}
	return has_heard(v) || more;
}

/* --- the loop --------------------------------------------------------------------------
 */

static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static void woken(struct server *v, const struct pollfd *fds)
{
	if (fds[0].revents & POLLIN)
		accept_guest(v);
	if (fds[1].revents)
		session_engine_end(&v->engine, "it was ended by a signal");
	if (v->login && (fds[3].revents || !deadline_left(v->login_end)))
		end_login(v);
	for (size_t i = 0; i < SESSION_GUESTS; i++) {
		struct guest *g = &v->guests[i];
		const struct pollfd *own = fds + FIXED + 2 * i;
		bool opening = g->stage == GUEST_OPENING;

		if (own[0].fd < 0 && own[1].fd < 0)
			continue;
		if (g->stage == GUEST_ASKS && own[0].revents)
			serve_request(v, g);
		else
			guest_woken(g, own);
		if (opening && g->stage == GUEST_GONE)
			session_engine_doubt(&v->engine, clock_now_ms());
	}
}

static int wait_for(struct server *v, deadline_ms wake)
{
	struct pollfd fds[FIXED + 2 * SESSION_GUESTS];
	int timeout = wake == DEADLINE_NEVER ? -1 : deadline_left(wake);

	fds[0] = (struct pollfd){.fd = v->s->listener, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = cancel_fd(), .events = POLLIN};
	fds[2] = (struct pollfd){.fd = -1};
	fds[3] = (struct pollfd){.fd = -1};
	if (v->carrier)
		carrier_wants(v->carrier, &fds[2]);
	if (v->login) {
		fds[3] = (struct pollfd){.fd = carrier_login_fd(v->login),
					 .events = POLLIN};
		timeout = sooner(timeout, deadline_left(v->login_end));
	}
	for (size_t i = 0; i < SESSION_GUESTS; i++)
		timeout =
			sooner(timeout, guest_wants(&v->guests[i], fds + FIXED + 2 * i));
	if (poll(fds, ARRAY_SIZE(fds), timeout) < 0)
		return errno == EINTR ? 0 : -errno;
	woken(v, fds);
	return 0;
}

/* Nobody is to wait for a channel of a session that ends. */
static void close_all(struct server *v)
{
	for (size_t i = 0; i < SESSION_GUESTS; i++) {
		struct guest *g = &v->guests[i];

		if (in_use(g) && g->flow)
			guest_end(g, v->engine.why);
		if (in_use(g))
			guest_step(g, v->carrier);
		guest_fini(g);
	}
	if (v->login) {
		struct kf_error err;

		if (carrier_login_end(v->login, &v->carrier, &err) < 0)
			v->carrier = NULL;
	}
	ssh_flow_free(v->spare);
	carrier_free(v->carrier);
}

int session_serve(const struct session_server *s)
{
	struct session_rules rules = {
		.idle_ms = config_ms(s->cfg, s->board, "session.idle"),
		.ask_ms = ASK_MS,
		.silent_ms = SILENT_MS,
		.dead_ms = DEAD_MS,
		.retry_ms = RETRY_MS,
		.give_up_ms = config_ms(s->cfg, s->board, "timeout.reboot") +
			      config_ms(s->cfg, s->board, "timeout.confirm"),
	};
	struct server *v = calloc(1, sizeof(*v));
	int rc = 0;

	if (!v) {
		carrier_free(s->carrier);
		return -ENOMEM;
	}
	v->s = s;
	v->carrier = s->carrier;
	for (size_t i = 0; i < SESSION_GUESTS; i++)
		v->guests[i] =
			(struct guest){.stage = GUEST_GONE, .fd = -1, .stream = -1};
	session_engine_init(&v->engine, &rules, clock_now_ms());
	while (rc == 0 && !v->stopped) {
		deadline_ms wake;
		bool more = true;

		for (int i = 0; i < STEPS && more; i++)
			more = step(v);
		wake = obey(v);
		if (!v->stopped)
			rc = wait_for(v, has_heard(v) || more ? 0 : wake);
	}
	close_all(v);
	free(v);
	return rc;
}
