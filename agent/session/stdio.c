/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bridge: two directions with a buffer each.  The end of one is passed on (shutdown)
 * and the other goes on; a reader that has gone away ends everything, because nobody is
 * there any more.  No libuv: poll(2) over three descriptors says it all.
 */
#include "agent/session/stdio.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/session/listen.h"
#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/text.h"
#include "proto/wire.h"

#define CHUNK (64 * 1024)

/* One direction. */
struct flow {
	int from, to;
	struct buf held;
	bool ended;  /* from has no more */
	bool closed; /* to was told so, or takes no more */
	const char *name;
};

static int set_nonblock(int fd, int *ret_old)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	*ret_old = flags;
	return fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

static int fill(struct flow *f, struct kf_error *err)
{
	uint8_t *at;
	ssize_t n;

	if (buf_reserve(&f->held, CHUNK, &at) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	n = read(f->from, at, CHUNK);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	/* The agent closed although bytes for it were on their way: what it said was read
	 * before this. */
	if (n < 0 && errno == ECONNRESET)
		n = 0;
	if (n < 0)
		return kf_err(err, -errno, KF_REASON_CONNECTION, "read from %s: %m",
			      f->name);
	buf_commit(&f->held, (size_t)n);
	f->ended = n == 0;
	return 0;
}

static int drain(struct flow *f, struct kf_error *err)
{
	ssize_t n;

	while (buf_len(&f->held) > 0) {
		n = write(f->to, buf_data(&f->held), buf_len(&f->held));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return kf_err(err, -errno, KF_REASON_CONNECTION,
				      "pass on what came from %s: %m", f->name);
		buf_consume(&f->held, (size_t)n);
	}
	return 0;
}

/* Everything went through and no more comes: tell the other side, once. */
static void pass_on_end(struct flow *f, bool is_socket)
{
	if (!f->ended || f->closed || buf_len(&f->held) > 0)
		return;
	f->closed = true;
	if (is_socket)
		(void)!shutdown(f->to, SHUT_WR);
}

static short wants(const struct flow *f)
{
	return !f->ended && buf_len(&f->held) == 0 ? POLLIN : 0;
}

static short has(const struct flow *f)
{
	return buf_len(&f->held) > 0 ? POLLOUT : 0;
}

/* A pipe for writing says POLLERR, a socket POLLHUP: its reader has gone. */
static bool reader_gone(const struct pollfd *p)
{
	return p->revents & (POLLERR | POLLHUP);
}

/* One round; 1: go on, 0: both directions have ended. */
static int step(struct flow *up, struct flow *down, struct kf_error *err)
{
	struct pollfd p[3] = {
		{.fd = wants(up) ? up->from : -1, .events = wants(up)},
		{.fd = down->to, .events = has(down)},
		{.fd = up->to, .events = (short)(has(up) | wants(down))},
	};
	int r = 0;

	/* Of a socket that has hung up and from which nothing is wanted now, poll would
	 * tell on and on. */
	if (!p[2].events)
		p[2].fd = -1;
	if (poll(p, ARRAY_SIZE(p), -1) < 0)
		return errno == EINTR ? 1 : kf_err(err, -errno, KF_REASON_IO, "poll: %m");
	if (reader_gone(&p[1]))
		return kf_err(err, -EPIPE, KF_REASON_CONNECTION,
			      "the controller has gone");
	if (wants(up) && p[0].revents)
		r = fill(up, err);
	if (r == 0 && wants(down) && (p[2].revents & (POLLIN | POLLHUP | POLLERR)))
		r = fill(down, err);
	if (r == 0)
		r = drain(down, err);
	/* An agent that closes early is no failure of the bridge: what it said counts. */
	if (r == 0 && drain(up, NULL) < 0) {
		buf_reset(&up->held);
		up->ended = up->closed = true;
	}
	pass_on_end(up, true);
	pass_on_end(down, false);
	if (r < 0)
		return r;
	return down->closed ? 0 : 1;
}

static int say_who(struct buf *out, const char *name, struct kf_error *err)
{
	Kferry__Envelope env = KFERRY__ENVELOPE__INIT;
	Kferry__Identity m = KFERRY__IDENTITY__INIT;
	int r;

	m.name = (char *)name;
	env.body_case = KFERRY__ENVELOPE__BODY_IDENTITY;
	env.identity = &m;
	r = wire_pack(out, &env);
	return r < 0 ? kf_err(err, r, KF_REASON_INVALID, "the name cannot be sent: %m")
		     : 0;
}

/* The name given, else the login's, else the number. */
static void choose_name(const char *as, char dst[static LIMIT_NAME + 1])
{
	static const char *const vars[] = {"USER", "LOGNAME"};

	for (size_t i = 0; !as && i < ARRAY_SIZE(vars); i++) {
		as = getenv(vars[i]);
		if (as && !text_is_name(as))
			as = NULL;
	}
	if (as)
		snprintf(dst, LIMIT_NAME + 1, "%s", as);
	else
		snprintf(dst, LIMIT_NAME + 1, "uid%u", (unsigned)getuid());
}

int stdio_bridge(int in, int out, int sock, const char *as, struct kf_error *err)
{
	struct flow up = {.from = in, .to = sock, .name = "the controller"};
	struct flow down = {.from = sock, .to = out, .name = "the agent"};
	int old_in = 0, old_out = 0, old_sock = 0, r;
	char name[LIMIT_NAME + 1];

	if (as && !text_is_name(as))
		return kf_err(
			err, -EINVAL, KF_REASON_USAGE,
			"--as takes a name of letters, digits and . _ + - ~, at most "
			"%d bytes",
			LIMIT_NAME);
	choose_name(as, name);
	r = say_who(&up.held, name, err);
	if (r < 0)
		return r;
	signal(SIGPIPE, SIG_IGN);
	if (set_nonblock(in, &old_in) < 0 || set_nonblock(out, &old_out) < 0 ||
	    set_nonblock(sock, &old_sock) < 0)
		return kf_err(err, -EBADF, KF_REASON_IO, "stdin or stdout is not open");
	do
		r = step(&up, &down, err);
	while (r > 0);
	buf_fini(&up.held);
	buf_fini(&down.held);
	/* stdin and stdout may be shared with a shell. */
	(void)!fcntl(in, F_SETFL, old_in);
	(void)!fcntl(out, F_SETFL, old_out);
	return r;
}

int stdio_run(const char *socket_path, const char *as, struct kf_error *err)
{
	_close_ int sock = -1;
	int r = listen_connect(socket_path, &sock, err);

	if (r < 0)
		return r;
	return stdio_bridge(STDIN_FILENO, STDOUT_FILENO, sock, as, err);
}
