// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/session/session_client.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "controller/cancel.h"
#include "controller/session/session_place.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define OPEN_MS	 3000 /* for a channel; then a direct connection is the better way */
#define TALK_MS	 2000 /* for an answer of the process alone */
#define KILL_MS	 2000
#define IN_BLOCK 8192

struct session_stream {
	int fd;
	pid_t pid;
	struct buf in;
	struct session_opened to;
};

/* Also when one is told to stop, or a deadline is up. */
static int await(int fd, short events, deadline_ms deadline)
{
	struct pollfd fds[2] = {{.fd = fd, .events = events},
				{.fd = cancel_fd(), .events = POLLIN}};

	for (;;) {
		int n = poll(fds, 2, deadline_left(deadline));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && fds[0].revents)
			return 0;
		if (atomic_load(cancel_flag()))
			return -ECANCELED;
		if (n == 0)
			return -ETIMEDOUT;
	}
}

static int send_all(int fd, const struct buf *b, deadline_ms deadline)
{
	size_t at = 0;

	while (at < buf_len(b)) {
		ssize_t n = send(fd, buf_data(b) + at, buf_len(b) - at,
				 MSG_NOSIGNAL | MSG_DONTWAIT);
		int rc = 0;

		if (n >= 0)
			at += (size_t)n;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			rc = await(fd, POLLOUT, deadline);
		else if (errno != EINTR)
			rc = -errno;
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* The one descriptor that may come with a message; others are closed. */
static void take_fds(struct msghdr *msg, int *ret_fd)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (ret_fd && *ret_fd < 0)
				*ret_fd = fd;
			else
				close(fd);
		}
	}
}

/* Read once.  ret_fd: where a descriptor goes. */
static int receive(int fd, struct buf *in, int *ret_fd)
{
	char control[CMSG_SPACE(sizeof(int))];
	uint8_t *room;
	struct iovec iov;
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	ssize_t n;

	if (buf_reserve(in, IN_BLOCK, &room) < 0)
		return -ENOMEM;
	iov = (struct iovec){room, IN_BLOCK};
	n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	take_fds(&msg, ret_fd);
	if (n == 0)
		return -ECONNRESET;
	buf_commit(in, (size_t)n);
	return 0;
}

/* The next frame; the one before must be done with. */
static int await_frame(int fd, struct buf *in, deadline_ms deadline, int *ret_fd,
		       struct session_frame *ret)
{
	for (;;) {
		int rc = session_frame(in, ret);

		if (rc != 0)
			return rc < 0 ? rc : 0;
		rc = await(fd, POLLIN, deadline);
		if (rc == 0)
			rc = receive(fd, in, ret_fd);
		if (rc < 0)
			return rc;
	}
}

/* --- a stream --------------------------------------------------------------------------
 */

static int not_used(int rc, struct kf_error *err)
{
	int reason = rc == -ECANCELED ? KF_REASON_CANCELLED : KF_REASON_CONNECTION;

	if (err->code)
		return rc;
	if (rc == -ENOENT || rc == -ECONNREFUSED)
		return kf_err(err, -ENOENT, KF_REASON_NOT_FOUND, "there is no session");
	if (rc == -ETIMEDOUT || rc == -EAGAIN)
		return kf_err(err, rc, reason, "the session does not answer");
	if (rc == -EPROTONOSUPPORT)
		return kf_err(err, rc, reason,
			      "the session was started by another version of kferry");
	return kf_err(err, rc, reason, "the session: %m");
}

static int take_answer(struct session_stream *s, const struct session_frame *f, int fd,
		       struct kf_error *err)
{
	char why[SESSION_ERROR_MAX + 1];
	int rc = -EBADMSG, flags;

	if (session_take_refused(f, why) == 0)
		return kf_err(err, -ECONNREFUSED, KF_REASON_CONNECTION,
			      "the session refused: %s", why);
	if (fd >= 0)
		rc = session_take_opened(f, &s->to);
	if (rc < 0)
		return rc;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	session_frame_done(&s->in, f);
	return 0;
}

static int ask_for_stream(struct session_stream *s, const struct digest *target,
			  const char *command, deadline_ms deadline, int *ret_fd,
			  struct kf_error *err)
{
	char name[SESSION_NAME_SIZE];
	_close_ int dir = session_place_open(false, err), fd = -1;
	_buf_ struct buf out = BUF_INIT;
	struct session_frame f;
	int rc;

	if (dir < 0)
		return dir;
	session_place_name(target, name);
	s->fd = session_place_connect(dir, name, &s->pid);
	if (s->fd < 0)
		return s->fd;
	rc = session_put_run(&out, target, command);
	if (rc == 0)
		rc = send_all(s->fd, &out, deadline);
	if (rc == 0)
		rc = await_frame(s->fd, &s->in, deadline, &fd, &f);
	if (rc == 0)
		rc = take_answer(s, &f, fd, err);
	if (rc == 0)
		*ret_fd = TAKE_FD(fd);
	return rc;
}

int session_any(struct kf_error *err)
{
	_close_ int dir = session_place_open(false, err);

	if (dir == -ENOENT)
		return kf_err(err, dir, KF_REASON_NOT_FOUND, "there is no session");
	return dir < 0 ? dir : 0;
}

int session_stream_open(const struct digest *target, const char *command,
			deadline_ms deadline, struct session_stream **ret, int *ret_fd,
			struct kf_error *err)
{
	struct session_stream *s = calloc(1, sizeof(*s));
	int left = deadline_left(deadline), rc;

	if (!s)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "session: %m");
	s->fd = -1;
	s->in.max = SESSION_HEADER + SESSION_WORDS_MAX + 2 * IN_BLOCK;
	/* A part of the time stays for the direct way. */
	if (left < 0 || left / 2 > OPEN_MS)
		left = 2 * OPEN_MS;
	rc = ask_for_stream(s, target, command, deadline_in(left / 2), ret_fd, err);
	if (rc < 0) {
		rc = not_used(rc, err);
		session_stream_close(s);
		return rc;
	}
	*ret = s;
	return 0;
}

const struct session_opened *session_stream_to(const struct session_stream *s)
{
	return &s->to;
}

pid_t session_stream_pid(const struct session_stream *s)
{
	return s->pid;
}

int session_stream_ended(struct session_stream *s, int ms, struct session_ended *ret)
{
	struct session_frame f;
	int rc = await_frame(s->fd, &s->in, deadline_in(ms), NULL, &f);

	return rc < 0 ? rc : session_take_ended(&f, ret);
}

void session_stream_close(struct session_stream *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	buf_fini(&s->in);
	free(s);
}

/* --- looking after them ----------------------------------------------------------------
 */

int session_each(int (*fn)(void *arg, int dir, const char *name), void *arg,
		 struct kf_error *err)
{
	_close_ int dir = session_place_open(false, err);
	_closedir_ DIR *list = NULL;
	const char *name;
	int rc;

	if (dir == -ENOENT) {
		*err = (struct kf_error){0};
		return 0;
	}
	if (dir < 0)
		return dir;
	rc = fs_dir_stream(fs_open_dir(dir, "."), &list);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "list the sessions: %m");
	while ((rc = fs_dir_next(list, &name)) == 0 && name) {
		rc = session_place_is_name(name) ? fn(arg, dir, name) : 0;
		if (rc != 0)
			return rc;
	}
	return rc < 0 ? kf_err(err, rc, KF_REASON_IO, "list the sessions: %m") : 0;
}

/* One request, one answer without a stream. */
static int talk(int dir, const char *name, enum session_type ask, struct buf *in,
		pid_t *ret_pid, struct session_frame *ret, int *ret_fd)
{
	_buf_ struct buf out = BUF_INIT;
	int rc = session_put(&out, ask, NULL, 0), fd;
	deadline_ms deadline = deadline_in(TALK_MS);

	if (rc < 0)
		return rc;
	fd = session_place_connect(dir, name, ret_pid);
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	rc = send_all(fd, &out, deadline);
	return rc < 0 ? rc : await_frame(fd, in, deadline, NULL, ret);
}

int session_look(int dir, const char *name, struct buf *ret, pid_t *ret_pid)
{
	_buf_ struct buf in = {.max = SESSION_HEADER + SESSION_STATUS_MAX + IN_BLOCK};
	struct session_frame f;
	_close_ int fd = -1;
	int rc;

	*ret_pid = 0;
	rc = talk(dir, name, SESSION_LOOK, &in, ret_pid, &f, &fd);
	if (rc == 0 && f.type != SESSION_STATUS)
		rc = -EBADMSG;
	return rc < 0 ? rc : buf_append(ret, f.body, f.len);
}

/* Until nobody listens any more. */
static int await_end(int dir, const char *name, deadline_ms deadline)
{
	for (;;) {
		_close_ int fd = session_place_connect(dir, name, NULL);

		if (fd == -ENOENT || fd == -ECONNREFUSED)
			return 0;
		if (!deadline_left(deadline))
			return -ETIMEDOUT;
		if (atomic_load(cancel_flag()))
			return -ECANCELED;
		poll(NULL, 0, 10);
	}
}

int session_stop(int dir, const char *name)
{
	_buf_ struct buf in = {.max = SESSION_HEADER + SESSION_STATUS_MAX + IN_BLOCK};
	struct session_frame f;
	_close_ int fd = -1;
	pid_t pid = 0;
	int rc = talk(dir, name, SESSION_STOP, &in, &pid, &f, &fd);

	if (rc == 0 && f.type == SESSION_STOPPED)
		rc = await_end(dir, name, deadline_in(KILL_MS));
	if (rc == 0 || rc == -ENOENT || rc == -ECONNREFUSED || rc == -ECANCELED || !pid)
		return rc == -ECONNREFUSED ? -ENOENT : rc;
	/* It holds the other end of our socket, so the number is still its own. */
	if (kill(pid, SIGKILL) < 0 && errno != ESRCH)
		return -errno;
	return await_end(dir, name, deadline_in(KILL_MS));
}
