/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `kferryd status`: the same answer from the daemon over its socket, or from the records
 * when it does not run.  The conversation is one request, so it is blocking.
 */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/session/listen.h"
#include "agent/session/status.h"
#include "proto/base/clock.h"
#include "proto/peer.h"
#include "proto/reason.h"
#include "proto/text.h"
#include "proto/version.h"

#define ANSWER_MS 10000
#define CHUNK	  4096

/* --- as text -------------------------------------------------------------------- */

static const char *trial_text(Kferry__Trial trial)
{
	switch (trial) {
	case KFERRY__TRIAL__TRIAL_ARMED:
		return "armed: the next boot starts";
	case KFERRY__TRIAL__TRIAL_RUNNING:
		return "running, not confirmed:";
	case KFERRY__TRIAL__TRIAL_FELL_BACK:
		return "fell back from";
	case KFERRY__TRIAL__TRIAL_CONFIRMED:
		return "confirmed:";
	default:
		return "none";
	}
}

static const char *or_foreign(const char *slot)
{
	return *slot ? slot : FOREIGN;
}

static void print_status(const Kferry__Status *m, bool daemon)
{
	char text[16];

	printf("agent        kferryd %s, %s\n", KF_VERSION,
	       daemon ? "running" : "not running");
	printf("kernel       %s (%s)%s\n", m->release, or_foreign(m->running_slot),
	       m->kexec ? ", started by kexec" : "");
	if (*m->modules_slot && strcmp(m->modules_slot, m->running_slot) != 0)
		printf("modules      of %s, until the next boot\n", m->modules_slot);
	if (*m->build_id)
		printf("build-id     %s\n", m->build_id);
	printf("up           %s\n", text_duration((int64_t)m->uptime_ms, text));
	printf("known-good   %s\n", or_foreign(m->known_good));
	printf("default      %s\n", or_foreign(m->default_slot));
	printf("trial        %s%s%s\n", trial_text(m->trial), *m->trial_slot ? " " : "",
	       m->trial_slot);
	if (m->deadline_left_ms > 0)
		printf("deadline     in %s\n",
		       text_duration((int64_t)m->deadline_left_ms, text));
	if (*m->watchdog)
		printf("watchdog     %s\n", m->watchdog);
	printf("boot chain   %s\n", *m->chain ? m->chain : "none can be armed");
	printf("held by      %s\n", *m->holder ? m->holder : "nobody");
	if (m->tainted)
		printf("tainted      %llu\n", (unsigned long long)m->tainted);
}

/* --- from the daemon ------------------------------------------------------------ */

static int write_out(int fd, struct peer *p, deadline_ms deadline)
{
	struct buf *out = peer_out(p);

	while (buf_len(out) > 0) {
		struct pollfd pf = {.fd = fd, .events = POLLOUT};
		ssize_t n;

		if (poll(&pf, 1, deadline_left(deadline)) == 0)
			return -ETIMEDOUT;
		n = send(fd, buf_data(out), buf_len(out), MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n > 0)
			buf_consume(out, (size_t)n);
	}
	return 0;
}

static int read_more(int fd, struct peer *p, deadline_ms deadline)
{
	struct pollfd pf = {.fd = fd, .events = POLLIN};
	char chunk[CHUNK];
	ssize_t n;

	if (poll(&pf, 1, deadline_left(deadline)) == 0)
		return -ETIMEDOUT;
	n = recv(fd, chunk, sizeof(chunk), 0);
	if (n == 0)
		return -ECONNRESET;
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	return peer_feed(p, chunk, (size_t)n);
}

static int send_request(struct peer *p)
{
	Kferry__Envelope env = KFERRY__ENVELOPE__INIT;
	Kferry__StatusRequest q = KFERRY__STATUS_REQUEST__INIT;

	env.id = 1;
	env.body_case = KFERRY__ENVELOPE__BODY_STATUS_REQUEST;
	env.status_request = &q;
	return peer_send(p, &env);
}

/* 1: answered and printed; 0: go on. */
static int take_event(struct peer *p, const struct peer_event *ev, struct kf_error *err)
{
	if (ev->type == PEER_HELLO)
		return send_request(p);
	if (ev->type != PEER_ENVELOPE)
		return 0;
	if (ev->env->body_case == KFERRY__ENVELOPE__BODY_ERROR)
		return wire_error(ev->env->error, err);
	if (ev->env->body_case != KFERRY__ENVELOPE__BODY_STATUS)
		return 0;
	print_status(ev->env->status, true);
	return 1;
}

static int converse(int fd, struct peer *p, struct kf_error *err)
{
	deadline_ms deadline = deadline_in(ANSWER_MS);
	struct peer_event ev;
	int r = 0;

	while (r == 0) {
		r = peer_next(p, &ev);
		if (r < 0) {
			*err = *peer_error(p);
			return r;
		}
		r = take_event(p, &ev, err);
		if (r == 0)
			r = write_out(fd, p, deadline);
		if (r == 0 && ev.type == PEER_NOTHING)
			r = read_more(fd, p, deadline);
	}
	if (r < 0 && !err->code)
		kf_err(err, r, KF_REASON_NO_AGENT, "ask kferryd for its status: %m");
	return r < 0 ? r : 0;
}

static int ask_daemon(int fd, struct kf_error *err)
{
	Kferry__Hello h = KFERRY__HELLO__INIT;
	struct peer *p;
	int r;

	h.protocol_min = PROTOCOL_MIN;
	h.protocol_max = PROTOCOL_MAX;
	h.software = (char *)"kferryd " KF_VERSION;
	h.client = (char *)"kferryd-status";
	r = peer_new(PEER_CONTROLLER, &h, &p);
	if (r < 0)
		return kf_err(err, r, KF_REASON_NO_MEMORY, "out of memory");
	r = converse(fd, p, err);
	peer_free(p);
	return r;
}

/* --- without it ----------------------------------------------------------------- */

static int read_records(const char *root, struct kf_error *err)
{
	Kferry__Status *m;
	struct agent a;
	int r = agent_init(&a, root, err);

	if (r < 0)
		return kf_err_wrap(err, "kferryd is not running, and its records cannot "
					"be read");
	r = status_build(&a, &m);
	if (r == 0) {
		print_status(m, false);
		kferry__status__free_unpacked(m, NULL);
	} else {
		kf_err(err, r, KF_REASON_NO_MEMORY, "out of memory");
	}
	agent_fini(&a);
	return r;
}

int status_print(const char *root, const char *socket_path, struct kf_error *err)
{
	struct kf_error refused = {0};
	_close_ int fd = -1;
	int r = listen_connect(socket_path, &fd, &refused);

	if (r == 0)
		return ask_daemon(fd, err);
	if (refused.reason == KF_REASON_NO_AGENT)
		return read_records(root, err);
	*err = refused;
	return r;
}
