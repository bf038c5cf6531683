/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connecting with the helper, and programs run to their end by it: proc.c does the work,
 * with the helper as its starter.
 */
#include "agent/outside/outside.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent/outside/mounts.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define SOCKET_PATH "/run/kferry/outside.sock"
#define SEND_S	    10

static const char *const base_env[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"LANG=C.UTF-8", "HOME=/root"};

/* --- the connection --------------------------------------------------------------- */

int outside_connect(const struct agent *a, bool nonblock, int *ret_fd)
{
	const struct timeval timeout = {.tv_sec = SEND_S};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	_free_ char *path = agent_path(a, SOCKET_PATH);
	_close_ int fd = -1;

	if (!path)
		return -ENOMEM;
	if (!fs_exists(AT_FDCWD, path))
		return -ENOENT;
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (nonblock ? SOCK_NONBLOCK : 0),
		    0);
	if (fd < 0)
		return -errno;
	if (!nonblock &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		/* It went away meanwhile: still no reason to run inside. */
		return errno == ENOENT ? -ECONNREFUSED : -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int outside_env(const struct outside_program *p, const char ***ret)
{
	size_t n = 0;
	const char **v;

	while (p->env && p->env[n])
		n++;
	v = calloc(ARRAY_SIZE(base_env) + n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	memcpy(v, base_env, sizeof(base_env));
	if (n > 0)
		memcpy(v + ARRAY_SIZE(base_env), p->env, n * sizeof(*v));
	*ret = v;
	return 0;
}

int outside_encode(const struct outside_program *p, struct buf *b)
{
	_free_ const char **env = NULL;
	struct outside_request q = {
		.cwd = "/",
		.argv = p->argv,
		.mounts = p->mounts,
		.n_mounts = p->n_mounts,
	};
	int r = outside_env(p, &env);

	if (r < 0)
		return r;
	q.env = env;
	return outside_request_encode(&q, b);
}

ssize_t outside_send(int fd, const void *data, size_t n, const int stdio[3])
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(3 * sizeof(int))];
	} control = {.space = {0}};
	struct iovec iov = {.iov_base = (void *)data, .iov_len = n};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	ssize_t sent;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(3 * sizeof(int));
	memcpy(CMSG_DATA(c), stdio, 3 * sizeof(int));
	do
		sent = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

const char *outside_hint(int r)
{
	switch (r) {
	case -ECONNREFUSED:
		return " (nobody listens outside of the agent's sandbox: `systemctl "
		       "restart kferry-outside.socket` on the board)";
	case -ECONNRESET:
		return " (the helper outside of the agent's sandbox ended early: "
		       "`journalctl -u 'kferry-outside@*'` on the board)";
	default:
		return "";
	}
}

/* --- to its end ------------------------------------------------------------------- */

struct call {
	const struct outside_program *p;
	int fd; /* connected; handed on at the start */
	struct outside_reply reply;
};

static int start(void *arg, const char *const argv[], char *const envp[], const char *cwd,
		 const int stdio[3], int *ret_end)
{
	struct call *c = arg;
	_buf_ struct buf b = BUF_INIT;
	ssize_t sent;
	int r;

	(void)argv;
	(void)envp;
	(void)cwd;
	r = outside_encode(c->p, &b);
	if (r < 0)
		return r;
	sent = outside_send(c->fd, buf_data(&b), buf_len(&b), stdio);
	if (sent < 0)
		return (int)sent;
	buf_consume(&b, (size_t)sent);
	r = fs_write_all(c->fd, buf_data(&b), buf_len(&b));
	if (r < 0)
		return r == -EPIPE ? -ECONNRESET : r;
	*ret_end = TAKE_FD(c->fd);
	return 0;
}

static int look(void *arg, int end, int *ret_status)
{
	struct call *c = arg;
	uint8_t reply[OUTSIDE_REPLY];
	ssize_t n = recv(end, reply, sizeof(reply), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	/* It is written in one piece. */
	if (n != (ssize_t)sizeof(reply) || outside_reply_decode(reply, &c->reply) < 0)
		return -ECONNRESET;
	if (c->reply.kind != OUTSIDE_ENDED)
		return -(int)c->reply.value;
	*ret_status = (int)c->reply.value;
	return 1;
}

static void stop(void *arg, int end)
{
	(void)arg;
	shutdown(end, SHUT_WR);
}

static const struct proc_starter by_helper = {start, look, stop};

/* What proc.c is told: in the fork's place the helper, or nobody. */
static int prepare(const struct agent *a, const struct outside_program *p,
		   struct proc_opts *opts, struct call *c)
{
	int r;

	*c = (struct call){.p = p, .fd = -1};
	r = outside_connect(a, false, &c->fd);
	if (r < 0 && r != -ENOENT)
		return r;
	opts->starter = r == 0 ? &by_helper : NULL;
	opts->starter_arg = c;
	opts->inherit_env = opts->inherit_stdio = false;
	opts->env_extra = NULL;
	opts->cwd = "/";
	return 0;
}

int outside_run(const struct agent *a, const struct outside_program *p,
		const struct proc_opts *opts, int *ret_status)
{
	_free_ const char **env = NULL;
	struct proc_opts mine = *opts;
	struct call c;
	int r = outside_env(p, &env);

	if (r == 0)
		r = prepare(a, p, &mine, &c);
	if (r < 0)
		return r;
	mine.env = env;
	r = proc_run(p->argv, &mine, ret_status);
	cleanup_close(&c.fd);
	return r;
}

static int no_mount(const struct outside_program *p, size_t at, int r, int reason,
		    struct kf_error *err)
{
	return kf_err(err, r, reason, "mount %s for %s: %m", p->mounts[at].where,
		      p->argv[0]);
}

/* A plain child, and a thread for it: a namespace of mounts is the thread's. */
struct direct {
	const struct outside_program *p;
	const struct proc_opts *opts;
	struct kf_error *err;
	int result;
};

static void *check_directly(void *arg)
{
	struct direct *d = arg;
	size_t at;

	d->result = outside_mounts_enter(d->p->mounts, d->p->n_mounts, &at);
	if (d->result < 0)
		no_mount(d->p, at, d->result, d->opts->reason, d->err);
	else
		d->result = proc_check(d->p->argv, d->opts, d->err);
	return NULL;
}

static int check_in_thread(const struct outside_program *p, const struct proc_opts *opts,
			   struct kf_error *err)
{
	struct direct d = {p, opts, err, -EIO};
	pthread_t thread;
	int r = -pthread_create(&thread, NULL, check_directly, &d);

	if (r < 0)
		return kf_err(err, r, KF_REASON_NO_MEMORY, "start a thread: %m");
	pthread_join(thread, NULL);
	return d.result;
}

int outside_check(const struct agent *a, const struct outside_program *p,
		  const struct proc_opts *opts, struct kf_error *err)
{
	_free_ const char **env = NULL;
	struct proc_opts mine = *opts;
	struct call c;
	int r = outside_env(p, &env);

	if (r == 0)
		r = prepare(a, p, &mine, &c);
	if (r < 0)
		return kf_err(err, r, opts->reason, "run %s: %m%s", p->argv[0],
			      outside_hint(r));
	mine.env = env;
	if (!mine.starter && p->n_mounts > 0)
		return check_in_thread(p, &mine, err);
	r = proc_check(p->argv, &mine, err);
	cleanup_close(&c.fd);
	if (r < 0 && c.reply.kind == OUTSIDE_NO_MOUNT && c.reply.at < p->n_mounts)
		return no_mount(p, c.reply.at, r, opts->reason, err);
	if (r < 0 && *outside_hint(r))
		return kf_err(err, r, opts->reason, "run %s: %m%s", p->argv[0],
			      outside_hint(r));
	return r;
}
