/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/outside/child.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define KILL_MS	   2000 /* from SIGTERM to SIGKILL */
#define GIVE_UP_MS 7000 /* the helper kills after two seconds and then replies */

static void end(struct outside_child *c, const struct outside_end *e)
{
	if (!c->running)
		return;
	c->running = false;
	uv_timer_stop(&c->timer);
	c->ended(c->arg, e);
}

static void fail(struct outside_child *c, int error)
{
	const struct outside_end e = {.error = error};

	end(c, &e);
}

static void handle_closed(uv_handle_t *h)
{
	struct outside_child *c = h->data;

	if (--c->handles > 0)
		return;
	buf_fini(&c->request);
	c->closed(c->arg);
}

void outside_child_init(struct outside_child *c, uv_loop_t *loop)
{
	uv_timer_init(loop, &c->timer);
	c->timer.data = c;
	c->handles = 1;
}

void outside_child_close(struct outside_child *c)
{
	c->running = false;
	if (c->has_process)
		uv_close((uv_handle_t *)&c->process, handle_closed);
	if (c->has_conn)
		uv_close((uv_handle_t *)&c->conn, handle_closed);
	uv_close((uv_handle_t *)&c->timer, handle_closed);
}

/* --- by the helper ---------------------------------------------------------------- */

static void take_reply(struct outside_child *c)
{
	struct outside_end e = {0};
	struct outside_reply r;
	int status;

	if (outside_reply_decode(c->reply, &r) < 0) {
		fail(c, -ECONNRESET);
		return;
	}
	status = (int)r.value;
	if (r.kind != OUTSIDE_ENDED)
		e.error = -(int)r.value;
	else if (WIFSIGNALED(status))
		e.signal = WTERMSIG(status);
	else
		e.status = WEXITSTATUS(status);
	end(c, &e);
}

static void alloc_reply(uv_handle_t *h, size_t suggested, uv_buf_t *b)
{
	struct outside_child *c = h->data;

	(void)suggested;
	*b = uv_buf_init((char *)c->reply + c->got, (unsigned)(OUTSIDE_REPLY - c->got));
}

static void on_reply(uv_stream_t *conn, ssize_t n, const uv_buf_t *b)
{
	struct outside_child *c = conn->data;

	(void)b;
	if (n > 0)
		c->got += (size_t)n;
	if (n >= 0 && c->got < OUTSIDE_REPLY)
		return;
	uv_read_stop(conn);
	if (n < 0)
		fail(c, -ECONNRESET);
	else
		take_reply(c);
}

/* What goes wrong is seen by who reads. */
static void on_written(uv_write_t *req, int status)
{
	(void)req;
	(void)status;
}

/* Takes *fd when it succeeds, and may when it does not. */
static int start_by_helper(struct outside_child *c, int *fd,
			   const struct outside_program *p, const int stdio[3])
{
	uv_buf_t rest;
	ssize_t sent;
	int r = outside_encode(p, &c->request);

	if (r < 0)
		return r;
	sent = outside_send(*fd, buf_data(&c->request), buf_len(&c->request), stdio);
	if (sent < 0)
		return (int)sent;
	buf_consume(&c->request, (size_t)sent);
	uv_pipe_init(c->timer.loop, &c->conn, 0);
	c->conn.data = c;
	c->has_conn = true;
	c->handles++;
	r = uv_pipe_open(&c->conn, *fd);
	if (r < 0)
		return r;
	*fd = -1;
	if (buf_len(&c->request) > 0) {
		rest = uv_buf_init((char *)buf_data(&c->request),
				   (unsigned)buf_len(&c->request));
		r = uv_write(&c->write, (uv_stream_t *)&c->conn, &rest, 1, on_written);
	}
	if (r == 0)
		r = uv_read_start((uv_stream_t *)&c->conn, alloc_reply, on_reply);
	c->running = r == 0;
	return r;
}

/* --- as a child ------------------------------------------------------------------- */

static void on_exit_of_child(uv_process_t *p, int64_t status, int sig)
{
	struct outside_child *c = p->data;
	const struct outside_end e = {.status = (int)status, .signal = sig};

	/* What it left behind has no master now; after a kill it goes too. */
	if (c->stopping)
		kill(-p->pid, SIGKILL);
	end(c, &e);
}

static int start_as_child(struct outside_child *c, const struct outside_program *p,
			  const int stdio[3])
{
	_free_ const char **env = NULL;
	uv_stdio_container_t inherit[3];
	uv_process_options_t opts = {
		.exit_cb = on_exit_of_child,
		.file = p->argv[0],
		.args = (char **)p->argv,
		.cwd = "/",
		.flags = UV_PROCESS_DETACHED,
		.stdio_count = 3,
		.stdio = inherit,
	};
	int r = outside_env(p, &env);

	if (r < 0)
		return r;
	opts.env = (char **)env;
	for (int i = 0; i < 3; i++) {
		inherit[i].flags = UV_INHERIT_FD;
		inherit[i].data.fd = stdio[i];
	}
	c->process.data = c;
	c->has_process = true;
	c->handles++;
	r = uv_spawn(c->timer.loop, &c->process, &opts);
	c->running = r == 0;
	return r;
}

int outside_child_start(struct outside_child *c, const struct agent *a,
			const struct outside_program *p, const int stdio[3])
{
	_close_ int fd = -1;
	int r = outside_connect(a, true, &fd);

	if (r == -ENOENT && p->n_mounts == 0)
		return start_as_child(c, p, stdio);
	return r < 0 ? r : start_by_helper(c, &fd, p, stdio);
}

/* --- the end ---------------------------------------------------------------------- */

static void on_give_up(uv_timer_t *t)
{
	fail(t->data, -ETIMEDOUT);
}

static void on_kill(uv_timer_t *t)
{
	struct outside_child *c = t->data;

	kill(-c->process.pid, SIGKILL);
}

void outside_child_stop(struct outside_child *c)
{
	uv_os_fd_t fd;

	if (!c->running || c->stopping)
		return;
	c->stopping = true;
	if (c->has_process) {
		kill(-c->process.pid, SIGTERM);
		uv_timer_start(&c->timer, on_kill, KILL_MS, 0);
	} else {
		if (uv_fileno((uv_handle_t *)&c->conn, &fd) == 0)
			shutdown(fd, SHUT_WR);
		uv_timer_start(&c->timer, on_give_up, GIVE_UP_MS, 0);
	}
}
