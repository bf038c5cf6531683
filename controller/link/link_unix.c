// SPDX-License-Identifier: GPL-2.0-or-later
/* The unix link: the agent's socket on this machine. */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "controller/cancel.h"
#include "controller/link/link_impl.h"
#include "proto/reason.h"

/* A backlog that is full makes a non-blocking connect() fail with EAGAIN: try again. */
static int connect_until(int fd, const struct sockaddr_un *addr, deadline_ms deadline)
{
	for (;;) {
		if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0)
			return 0;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (!deadline_left(deadline))
			return -ETIMEDOUT;
		if (atomic_load(cancel_flag()))
			return -ECANCELED;
		poll(NULL, 0, 10);
	}
}

static int reason_of(int rc)
{
	switch (rc) {
	case -ETIMEDOUT:
		return KF_REASON_TIMEOUT;
	case -ECANCELED:
		return KF_REASON_CANCELLED;
	case -EACCES:
		return KF_REASON_PERMISSION;
	default:
		return KF_REASON_NO_AGENT;
	}
}

static int unix_open(const struct config *cfg, const char *board, const char *rest,
		     deadline_ms deadline, void **ret, int *ret_fd, char **ret_describe,
		     struct kf_error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	_close_ int fd = -1;
	int rc;

	(void)cfg;
	(void)board;
	if (rest[0] != '/' || strlen(rest) >= sizeof(addr.sun_path))
		return kf_err(err, -EINVAL, KF_REASON_CONFIG,
			      "board.link unix:%s: not an absolute path of at most %zu "
			      "bytes",
			      rest, sizeof(addr.sun_path) - 1);
	memcpy(addr.sun_path, rest, strlen(rest) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return kf_err(err, -errno, KF_REASON_IO, "socket: %m");
	rc = connect_until(fd, &addr, deadline);
	if (rc < 0)
		return kf_err(err, rc, reason_of(rc), "connect to %s: %m", rest);
	if (asprintf(ret_describe, "unix %s", rest) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "connect: %m");
	*ret = NULL;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int unix_failure(void *impl, struct kf_error *err)
{
	(void)impl;
	return kf_err(err, -ECONNRESET, KF_REASON_CONNECTION,
		      "the agent closed the connection");
}

static void unix_close(void *impl, int fd)
{
	(void)impl;
	close(fd);
}

const struct link_kind link_unix = {
	.prefix = "unix:",
	.open = unix_open,
	.failure = unix_failure,
	.close = unix_close,
};
