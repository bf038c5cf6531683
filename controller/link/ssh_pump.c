// SPDX-License-Identifier: GPL-2.0-or-later
/* The pump: a thread that has the session while it steps one flow. */
#include "controller/link/ssh_pump.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "controller/link/ssh_flow.h"

#define TICK_MS	   30000
#define STACK_SIZE (512 * 1024)

struct ssh_pump {
	ssh_session session;
	struct ssh_flow *flow;
	pthread_t thread;
	int stop_fd, done_fd;
	int stream; /* the flow's, which ends it; owned by the flow */
};

/* Wait for the session's socket, ours, or the order to stop.  true: it came. */
static bool wait_for(struct ssh_pump *p)
{
	short theirs = POLLIN;
	struct pollfd fds[3];
	int timeout = ssh_flow_wants(p->flow, &fds[2]);

	if (ssh_get_poll_flags(p->session) & SSH_WRITE_PENDING)
		theirs |= POLLOUT;
	fds[0] = (struct pollfd){.fd = ssh_get_fd(p->session), .events = theirs};
	fds[1] = (struct pollfd){.fd = p->stop_fd, .events = POLLIN};
	if (poll(fds, 3, timeout < 0 || timeout > TICK_MS ? TICK_MS : timeout) <= 0)
		return false;
	ssh_flow_woken(p->flow, fds[2].revents);
	return fds[1].revents != 0;
}

static void *pump_thread(void *arg)
{
	struct ssh_pump *p = arg;
	uint64_t one = 1;
	ssize_t n;

	ssh_set_blocking(p->session, 0);
	do
		while (ssh_flow_step(p->flow))
			;
	while (!ssh_flow_is_over(p->flow) && !wait_for(p));
	shutdown(p->stream, SHUT_RDWR);
	n = write(p->done_fd, &one, sizeof(one));
	(void)n;
	return NULL;
}

static void pump_free(struct ssh_pump *p)
{
	if (p->flow) {
		ssh_flow_free(p->flow);
		ssh_blocking_flush(p->session, 200);
	}
	if (p->stop_fd >= 0)
		close(p->stop_fd);
	if (p->done_fd >= 0)
		close(p->done_fd);
	free(p);
}

static int start_thread(struct ssh_pump *p)
{
	pthread_attr_t attr;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	rc = pthread_create(&p->thread, &attr, pump_thread, p);
	pthread_attr_destroy(&attr);
	return -rc;
}

int ssh_pump_start(ssh_session session, const char *command, deadline_ms deadline,
		   struct ssh_pump **ret, int *ret_fd)
{
	struct ssh_pump *p = calloc(1, sizeof(*p));
	int pair[2], rc = -ENOMEM;

	if (!p)
		return -ENOMEM;
	p->session = session;
	p->stop_fd = eventfd(0, EFD_CLOEXEC);
	p->done_fd = eventfd(0, EFD_CLOEXEC);
	if (p->stop_fd < 0 || p->done_fd < 0)
		goto fail;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) <
	    0) {
		rc = -errno;
		goto fail;
	}
	p->stream = pair[1];
	rc = ssh_flow_new(session, deadline, &p->flow);
	if (rc < 0)
		close(pair[1]);
	else
		rc = ssh_flow_begin(p->flow, command, pair[1], deadline);
	if (rc == 0)
		rc = start_thread(p);
	if (rc < 0) {
		close(pair[0]);
		goto fail;
	}
	*ret_fd = pair[0];
	*ret = p;
	return 0;
fail:
	pump_free(p);
	return rc;
}

bool ssh_pump_wait(struct ssh_pump *p, int ms)
{
	struct pollfd fd = {.fd = p->done_fd, .events = POLLIN};
	deadline_ms end = deadline_in(ms);
	int n;

	do
		n = poll(&fd, 1, deadline_left(end));
	while (n < 0 && errno == EINTR);
	return n > 0;
}

int ssh_pump_status(const struct ssh_pump *p)
{
	return ssh_flow_status(p->flow);
}

struct buf *ssh_pump_stderr(struct ssh_pump *p)
{
	return ssh_flow_stderr(p->flow);
}

const char *ssh_pump_error(const struct ssh_pump *p)
{
	return ssh_flow_error(p->flow);
}

void ssh_pump_end(struct ssh_pump *p)
{
	uint64_t one = 1;
	ssize_t n;

	if (!p)
		return;
	n = write(p->stop_fd, &one, sizeof(one));
	(void)n;
	pthread_join(p->thread, NULL);
	pump_free(p);
}
