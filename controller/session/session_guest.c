// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What goes wrong with a guest ends that guest.  The descriptor of its stream goes out
 * with the first byte of OPENED, on a socket to which nothing was written before, so that
 * it always fits.
 */
#include "controller/session/session_guest.h"

#include <string.h>
#include <sys/socket.h>

#define ASK_MS	 5000
#define LEAVE_MS 10000
#define BLOCK	 8192

void guest_init(struct guest *g, int fd)
{
	*g = (struct guest){.stage = GUEST_ASKS,
			    .fd = fd,
			    .stream = -1,
			    .in.max = SESSION_HEADER + DIGEST_SIZE + SESSION_COMMAND_MAX +
				      BLOCK,
			    .deadline = deadline_in(ASK_MS)};
}

static void drop_socket(struct guest *g)
{
	if (g->fd >= 0)
		close(g->fd);
	if (g->stream >= 0)
		close(g->stream);
	g->fd = g->stream = -1;
	g->stage = GUEST_GONE;
	if (g->flow)
		ssh_flow_leave(g->flow);
}

void guest_fini(struct guest *g)
{
	drop_socket(g);
	ssh_flow_free(g->flow);
	buf_fini(&g->in);
	buf_fini(&g->out);
	*g = (struct guest){.stage = GUEST_GONE, .fd = -1, .stream = -1};
}

int guest_request(struct guest *g, struct session_frame *ret)
{
	uint8_t *room;
	ssize_t n;
	int rc;

	rc = buf_reserve(&g->in, BLOCK, &room);
	if (rc < 0)
		return rc;
	do
		n = recv(g->fd, room, BLOCK, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	buf_commit(&g->in, (size_t)n);
	return session_frame(&g->in, ret);
}

int guest_run(struct guest *g, struct ssh_flow *flow, const struct session_run *run,
	      deadline_ms deadline)
{
	_free_ char *command = strndup(run->command, run->command_len);
	int pair[2], rc;

	g->flow = flow;
	if (!command)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	rc = ssh_flow_begin(flow, command, pair[1], deadline);
	if (rc < 0) {
		close(pair[0]);
		return rc;
	}
	g->stream = pair[0];
	g->stage = GUEST_OPENING;
	return 0;
}

static void leave(struct guest *g, int rc)
{
	ssh_flow_free(g->flow);
	g->flow = NULL;
	if (rc < 0) {
		drop_socket(g);
		return;
	}
	g->stage = GUEST_LEAVING;
	g->deadline = deadline_in(LEAVE_MS);
}

void guest_refuse(struct guest *g, const char *why)
{
	leave(g, session_put_refused(&g->out, why));
}

void guest_tell(struct guest *g, enum session_type type, const char *text)
{
	leave(g, session_put(&g->out, type, text, strlen(text)));
}

void guest_end(struct guest *g, const char *error)
{
	if (g->stage == GUEST_OPENING)
		guest_refuse(g, error);
	else if (g->stage == GUEST_RUNNING)
		leave(g, session_put_ended(&g->out, -1, error, NULL, 0));
	else if (g->flow)
		leave(g, -ECONNRESET);
}

/* OPENED, and the stream with it. */
static int send_opened(struct guest *g, const struct carrier *c)
{
	_buf_ struct buf frame = BUF_INIT;
	struct sockaddr_storage peer;
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov;
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.room,
			     .msg_controllen = sizeof(control.room)};
	ssize_t n;
	int rc;

	carrier_peer(c, &peer);
	rc = session_put_opened(&frame, &peer, carrier_who(c));
	if (rc < 0)
		return rc;
	iov = (struct iovec){(void *)buf_data(&frame), buf_len(&frame)};
	control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
					.cmsg_level = SOL_SOCKET,
					.cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&control.head), &g->stream, sizeof(int));
	do
		n = sendmsg(g->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)buf_len(&frame))
		return n < 0 ? -errno : -EIO;
	close(g->stream);
	g->stream = -1;
	g->stage = GUEST_RUNNING;
	return 0;
}

static void flow_is_over(struct guest *g)
{
	const char *error = ssh_flow_error(g->flow);
	struct buf *words = ssh_flow_stderr(g->flow);

	if (g->stage == GUEST_OPENING)
		guest_refuse(g, *error ? error : "no channel");
	else if (g->stage == GUEST_RUNNING)
		leave(g, session_put_ended(&g->out, ssh_flow_status(g->flow), error,
					   buf_data(words), buf_len(words)));
	else
		leave(g, -ECONNRESET);
}

static void send_some(struct guest *g)
{
	while (g->fd >= 0 && buf_len(&g->out)) {
		ssize_t n = send(g->fd, buf_data(&g->out), buf_len(&g->out),
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0) {
			drop_socket(g);
			return;
		}
		buf_consume(&g->out, (size_t)n);
	}
	if (g->stage == GUEST_LEAVING &&
	    (!buf_len(&g->out) || !deadline_left(g->deadline)))
		drop_socket(g);
}

bool guest_step(struct guest *g, const struct carrier *c)
{
	bool more = false;

	if (g->stage == GUEST_ASKS && !deadline_left(g->deadline))
		drop_socket(g);
	if (g->flow)
		more = ssh_flow_step(g->flow);
	/* Not before there is a sign of life: a channel may have been opened long ago. */
	if (g->stage == GUEST_OPENING && ssh_flow_is_running(g->flow) &&
	    send_opened(g, c) < 0)
		drop_socket(g);
	if (g->flow && ssh_flow_is_over(g->flow))
		flow_is_over(g);
	send_some(g);
	return more;
}

static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

int guest_wants(const struct guest *g, struct pollfd ret[static 2])
{
	bool waits = g->stage == GUEST_ASKS || g->stage == GUEST_LEAVING;
	int timeout = waits ? deadline_left(g->deadline) : -1;

	ret[0] = (struct pollfd){.fd = g->fd, .events = POLLIN};
	if (g->stage == GUEST_LEAVING)
		ret[0].events = POLLOUT;
	ret[1] = (struct pollfd){.fd = -1};
	return g->flow ? sooner(timeout, ssh_flow_wants(g->flow, &ret[1])) : timeout;
}

void guest_woken(struct guest *g, const struct pollfd fds[static 2])
{
	if (g->flow && fds[1].revents)
		ssh_flow_woken(g->flow, fds[1].revents);
	/* After its request a guest has nothing to say: it has ended. */
	if (g->fd >= 0 && g->stage != GUEST_ASKS && fds[0].fd >= 0 &&
	    (fds[0].revents & (POLLIN | POLLHUP | POLLERR)))
		drop_socket(g);
}

bool guest_is_done(const struct guest *g)
{
	return g->stage == GUEST_GONE && !g->flow;
}
