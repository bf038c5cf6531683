// SPDX-License-Identifier: GPL-2.0-or-later
/* Raw bytes over TCP.  Keep-alives find a far side that is gone: a console may be silent
 * for hours, and that alone is no sign. */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "controller/console/console_impl.h"
#include "controller/console/lookup.h"
#include "proto/reason.h"

#define KEEP_IDLE_S  15
#define KEEP_EACH_S  5
#define KEEP_COUNT   3
#define PAUSE_MAX_MS 3000 /* for one of several addresses */

static void free_addresses(struct addrinfo **list)
{
	if (*list)
		freeaddrinfo(*list);
}

static void set_option(int fd, int level, int name, int value)
{
	/* What a socket does not take it can do without. */
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

/* 0 when it is connected. */
static int wait_connected(int fd, deadline_ms deadline, int stop_fd)
{
	struct pollfd p[2] = {{.fd = fd, .events = POLLOUT},
			      {.fd = stop_fd, .events = POLLIN}};
	int why = 0, r;
	socklen_t n = sizeof(why);

	do {
		r = poll(p, 2, deadline_left(deadline));
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	if (p[1].revents)
		return -ECANCELED;
	if (r == 0)
		return -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &n) < 0)
		return -errno;
	return -why;
}

static int connect_one(const struct addrinfo *a, deadline_ms deadline, int stop_fd)
{
	_close_ int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
				a->ai_protocol);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, a->ai_addr, a->ai_addrlen) < 0)
		r = errno == EINPROGRESS ? wait_connected(fd, deadline, stop_fd) : -errno;
	if (r < 0)
		return r;
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_EACH_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT);
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	return TAKE_FD(fd);
}

static int tcp_open(const struct console_spec *spec, deadline_ms deadline, int stop_fd,
		    void **ret, int *ret_fd, struct kf_error *err)
{
	_cleanup_(free_addresses) struct addrinfo *list = NULL;
	int r = lookup_stream(spec->place, spec->port, deadline, stop_fd, &list, err);

	if (r < 0)
		return r;
	r = -EHOSTUNREACH;
	for (const struct addrinfo *a = list; a && r < 0 && r != -ECANCELED;
	     a = a->ai_next) {
		deadline_ms end = a->ai_next ? deadline_in(PAUSE_MAX_MS) : deadline;

		r = connect_one(a, end < deadline ? end : deadline, stop_fd);
	}
	if (r < 0)
		return kf_err(err, r,
			      r == -ECANCELED ? KF_REASON_CANCELLED
					      : KF_REASON_UNREACHABLE,
			      "connect to the console at %s port %s: %m", spec->place,
			      spec->port);
	*ret = NULL;
	*ret_fd = r;
	return 0;
}

const struct console_ops console_tcp = {.open = tcp_open};
