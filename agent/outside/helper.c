/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The helper's life: take the request and the descriptors, make the mounts, run the
 * program, wait for its end or for the other side's, reply.
 *
 * A program is ended as a process group.  What left the group is systemd's: the unit's
 * whole control group goes when the helper has.
 */
#include "agent/outside/helper.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "agent/outside/mounts.h"
#include "agent/outside/request.h"
#include "proto/base/clock.h"
#include "proto/base/proc.h"

#define REQUEST_MS 10000
#define TERM_MS	   2000 /* from SIGTERM to SIGKILL */
#define REPLY_S	   10

struct helper {
	int fd;
	int stdio[3]; /* the program's; -1: not there (any more) */
	pid_t pid;
	bool gone;    /* the other side has shut down its end */
	bool stopped; /* SIGTERM was sent */
	deadline_ms kill_at;
};

/* --- the request ------------------------------------------------------------------ */

static int check_peer(int fd)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
		return -errno;
	return cred.uid == geteuid() ? 0 : -EPERM;
}

static void close_stdio(struct helper *h)
{
	for (int i = 0; i < 3; i++)
		if (h->stdio[i] >= 0) {
			close(h->stdio[i]);
			h->stdio[i] = -1;
		}
}

/* Three descriptors, once, all above those that the program gets. */
static int take_descriptors(struct helper *h, struct msghdr *msg)
{
	int r = msg->msg_flags & MSG_CTRUNC ? -EBADMSG : 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		int fds[3];
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		/* There is room for three. */
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), n * sizeof(int));
		for (size_t i = 0; i < n; i++) {
			if (r < 0 || n != 3 || h->stdio[i] >= 0 || fds[i] <= 2) {
				close(fds[i]);
				r = -EBADMSG;
			} else {
				h->stdio[i] = fds[i];
			}
		}
	}
	return r;
}

static ssize_t receive(struct helper *h, void *to, size_t n)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(3 * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = to, .iov_len = n};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	ssize_t got = recvmsg(h->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	int r;

	if (got < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	r = take_descriptors(h, &msg);
	return r < 0 ? r : got;
}

static int read_exactly(struct helper *h, uint8_t *to, size_t n, deadline_ms end)
{
	while (n > 0) {
		struct pollfd p = {.fd = h->fd, .events = POLLIN};
		ssize_t got;

		if (deadline_left(end) == 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, deadline_left(end)) < 0 && errno != EINTR)
			return -errno;
		got = receive(h, to, n);
		if (got == -EAGAIN)
			continue;
		if (got <= 0)
			return got < 0 ? (int)got : -ECONNRESET;
		to += got;
		n -= (size_t)got;
	}
	return 0;
}

static int read_request(struct helper *h, uint8_t **ret_body, struct outside_request *ret)
{
	deadline_ms end = deadline_in(REQUEST_MS);
	uint8_t head[OUTSIDE_HEAD];
	_free_ uint8_t *body = NULL;
	size_t n;
	int r;

	r = read_exactly(h, head, sizeof(head), end);
	if (r == 0)
		r = outside_request_body(head, &n);
	if (r < 0)
		return r;
	body = malloc(n);
	if (!body)
		return -ENOMEM;
	r = read_exactly(h, body, n, end);
	for (int i = 0; r == 0 && i < 3; i++)
		if (h->stdio[i] < 0)
			r = -EBADMSG;
	if (r == 0)
		r = outside_request_decode(head, body, ret);
	if (r == 0)
		*ret_body = TAKE_PTR(body);
	return r;
}

/* --- the program ------------------------------------------------------------------ */

static void on_child(int sig)
{
	(void)sig;
}

/*
 * SIGCHLD comes while the helper waits, and then only.  What systemd sends to the whole
 * control group is for the program: the helper goes with it, and tells how it ended.
 */
static void own_signals(void)
{
	const struct sigaction child = {.sa_handler = on_child};
	static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGCHLD, &child, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
}

/* A negative errno is the program's. */
static int spawn_with(struct helper *h, const char *path, const struct outside_request *q,
		      posix_spawn_file_actions_t *files, posix_spawnattr_t *attr)
{
	sigset_t all, none;
	int r = 0;

	sigfillset(&all);
	sigemptyset(&none);
	posix_spawnattr_setsigdefault(attr, &all);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
					       POSIX_SPAWN_SETSID);
	for (int i = 0; r == 0 && i < 3; i++)
		r = posix_spawn_file_actions_adddup2(files, h->stdio[i], i);
	if (r == 0)
		r = posix_spawn(&h->pid, path, files, attr, (char *const *)q->argv,
				(char *const *)q->env);
	return -r;
}

static int spawn(struct helper *h, const struct outside_request *q)
{
	_free_ char *path = NULL;
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int r = chdir(q->cwd) < 0 ? -errno : 0;

	if (r == 0)
		r = proc_env_find(q->argv[0], (char *const *)q->env, &path);
	if (r < 0)
		return r;
	r = -posix_spawn_file_actions_init(&files);
	if (r < 0)
		return r;
	r = -posix_spawnattr_init(&attr);
	if (r == 0) {
		r = spawn_with(h, path, q, &files, &attr);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&files);
	return r;
}

/* --- the end ---------------------------------------------------------------------- */

/* It is a zombie, so that its group's number is still its own. */
static bool has_ended(const struct helper *h)
{
	siginfo_t si = {.si_pid = 0};

	return waitid(P_PID, (id_t)h->pid, &si, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	       si.si_pid != 0;
}

/* Nothing but its end is expected from the other side. */
static void listen_to_peer(struct helper *h)
{
	char byte;
	ssize_t n = recv(h->fd, &byte, sizeof(byte), MSG_DONTWAIT);

	if (n >= 0 || (errno != EAGAIN && errno != EINTR))
		h->gone = true;
}

static void end_group(struct helper *h)
{
	if (!h->stopped) {
		h->stopped = true;
		h->kill_at = deadline_in(TERM_MS);
		kill(-h->pid, SIGTERM);
		kill(-h->pid, SIGCONT);
	} else if (deadline_left(h->kill_at) == 0) {
		h->kill_at = DEADLINE_NEVER;
		kill(-h->pid, SIGKILL);
	}
}

static int wait_end(struct helper *h)
{
	sigset_t none;
	int status;

	sigemptyset(&none);
	while (!has_ended(h)) {
		struct pollfd p = {.fd = h->gone ? -1 : h->fd, .events = POLLIN};
		struct timespec ts, *timeout = NULL;
		int left;

		if (h->gone)
			end_group(h);
		left = h->stopped ? deadline_left(h->kill_at) : -1;
		if (left >= 0) {
			ts = (struct timespec){left / 1000, left % 1000 * 1000000L};
			timeout = &ts;
		}
		if (ppoll(&p, 1, timeout, &none) > 0)
			listen_to_peer(h);
	}
	if (h->gone)
		kill(-h->pid, SIGKILL);
	return waitpid(h->pid, &status, 0) == h->pid ? status : -errno;
}

/* In one piece; the other side may be gone. */
static int reply(const struct helper *h, enum outside_reply_kind kind, int value,
		 size_t at)
{
	const struct outside_reply rep = {kind, (uint32_t)value, (uint32_t)at};
	const struct timeval timeout = {.tv_sec = REPLY_S};
	uint8_t bytes[OUTSIDE_REPLY];

	outside_reply_encode(&rep, bytes);
	setsockopt(h->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	return send(h->fd, bytes, sizeof(bytes), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int run_program(struct helper *h, const struct outside_request *q)
{
	size_t at;
	int r;

	/* Whoever gave up before it began gets nothing run. */
	listen_to_peer(h);
	if (h->gone)
		return -ECONNRESET;
	r = q->n_mounts ? outside_mounts_enter(q->mounts, q->n_mounts, &at) : 0;
	if (r < 0)
		return reply(h, OUTSIDE_NO_MOUNT, -r, at);
	r = spawn(h, q);
	close_stdio(h);
	if (r < 0)
		return reply(h, OUTSIDE_NOT_RUN, -r, 0);
	r = wait_end(h);
	return r < 0 ? r : reply(h, OUTSIDE_ENDED, r, 0);
}

int outside_helper_run(int fd)
{
	_outside_request_ struct outside_request q = {0};
	_free_ uint8_t *body = NULL;
	struct helper h = {.fd = fd, .stdio = {-1, -1, -1}};
	int r;

	own_signals();
	r = check_peer(fd);
	if (r == 0)
		r = read_request(&h, &body, &q);
	if (r == 0)
		r = run_program(&h, &q);
	close_stdio(&h);
	return r;
}
