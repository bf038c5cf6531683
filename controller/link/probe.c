// SPDX-License-Identifier: GPL-2.0-or-later
/* A port that accepts is not yet a board: a guest's network may accept for it. */
#include "controller/link/probe.h"

#include <netinet/in.h>
#include <poll.h>

#include "controller/cancel.h"
#include "proto/base/clock.h"

static int await(int fd, short events, deadline_ms deadline)
{
	struct pollfd fds[2] = {{.fd = fd, .events = events},
				{.fd = cancel_fd(), .events = POLLIN}};

	for (;;) {
		int n = poll(fds, 2, deadline_left(deadline));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (atomic_load(cancel_flag()))
			return -ECANCELED;
		if (n > 0 && fds[0].revents)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
	}
}

static int finish_connect(int fd, deadline_ms deadline)
{
	int error = 0, rc = await(fd, POLLOUT, deadline);
	socklen_t n = sizeof(error);

	if (rc < 0)
		return rc;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		return -errno;
	return -error;
}

int probe_ssh(const struct sockaddr_storage *to, int ms)
{
	deadline_ms deadline = deadline_in(ms);
	socklen_t len = to->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
						  : sizeof(struct sockaddr_in);
	_close_ int fd = -1;
	char first;
	int rc = 0;

	fd = socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)to, len) < 0)
		rc = errno == EINPROGRESS ? finish_connect(fd, deadline) : -errno;
	if (rc == 0)
		rc = await(fd, POLLIN, deadline);
	if (rc < 0)
		return rc;
	switch (recv(fd, &first, 1, 0)) {
	case 1:
		return first == 'S' ? 0 : -EPROTO;
	case 0:
		return -ECONNRESET;
	default:
		return -errno;
	}
}
