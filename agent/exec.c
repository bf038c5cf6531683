/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A command on the board, with its three streams over the wire.
 *
 * It runs outside of the agent's sandbox (agent/outside/), with pipes for its streams.
 * Its process group is killed when the connection ends or the time is up.  Output is not
 * read while the connection is full; input is not taken from the connection while the
 * command does not read it.  The operation's memory is released when the program has
 * ended and every handle is closed.
 */
#include <string.h>

#include "agent/outside/child.h"
#include "agent/session/session_op.h"
#include "proto/base/log.h"
#include "proto/reason.h"

#define OUT_PIECE  (32 * 1024)
#define INPUT_HIGH (256 * 1024) /* bytes waiting for the command to read them */
#define LINGER_MS  2000 /* for output after the end: another process may hold the pipe */

enum { IN, OUT, ERR };

struct exec {
	struct session *s;
	struct outside_child child;
	uv_pipe_t pipes[3];
	uv_timer_t timer;
	uv_shutdown_t shutdown;
	unsigned handles; /* the child counts as one */
	char *program;
	bool paused[3];
	bool open[3]; /* OUT, ERR: more may come; IN: it may be written */
	bool exited, finished, timed_out, cancelled;
	struct outside_end end;
	size_t input; /* bytes queued for stdin */
	uint32_t timeout_s;
	char *piece;
};

struct input {
	uv_write_t req;
	struct exec *e;
	size_t n;
	uint8_t data[];
};

/* --- the end -------------------------------------------------------------------- */

static void answer(struct exec *e)
{
	Kferry__Envelope env = KFERRY__ENVELOPE__INIT;
	Kferry__Exit m = KFERRY__EXIT__INIT;
	struct kf_error err = {0};

	if (e->cancelled)
		return;
	if (e->timed_out) {
		kf_err(&err, -ETIMEDOUT, KF_REASON_TIMEOUT,
		       "the command ran longer than %u s and was killed", e->timeout_s);
		session_send_error(e->s, &err);
		return;
	}
	if (e->end.error < 0) {
		kf_err(&err, e->end.error, KF_REASON_EXEC, "run %s on the board: %m%s",
		       e->program, outside_hint(e->end.error));
		session_send_error(e->s, &err);
		return;
	}
	m.signalled = e->end.signal != 0;
	m.status = (uint32_t)(m.signalled ? 128 + e->end.signal : e->end.status);
	env.body_case = KFERRY__ENVELOPE__BODY_EXIT;
	env.exit = &m;
	session_send(e->s, &env);
}

static void one_closed(struct exec *e)
{
	struct session *s = e->s;

	if (--e->handles > 0)
		return;
	answer(e);
	free(e->program);
	free(e->piece);
	free(e);
	session_end(s);
}

static void handle_closed(uv_handle_t *h)
{
	one_closed(h->data);
}

static void on_child_closed(void *arg)
{
	one_closed(arg);
}

static void close_handle(struct exec *e, uv_handle_t *h)
{
	if (!uv_is_closing(h)) {
		h->data = e;
		uv_close(h, handle_closed);
	}
}

static void finish(struct exec *e)
{
	if (e->finished)
		return;
	e->finished = true;
	outside_child_close(&e->child);
	for (int i = 0; i < 3; i++)
		close_handle(e, (uv_handle_t *)&e->pipes[i]);
	close_handle(e, (uv_handle_t *)&e->timer);
}

static void finish_if_done(struct exec *e)
{
	if (e->exited && !e->open[OUT] && !e->open[ERR])
		finish(e);
}

static void on_timeout(uv_timer_t *t)
{
	struct exec *e = t->data;

	e->timed_out = true;
	outside_child_stop(&e->child);
}

static void on_linger(uv_timer_t *t)
{
	finish(t->data);
}

static void on_child_end(void *arg, const struct outside_end *end)
{
	struct exec *e = arg;

	e->exited = true;
	e->end = *end;
	if (e->cancelled || end->error < 0)
		finish(e);
	else
		uv_timer_start(&e->timer, on_linger, LINGER_MS, 0);
	finish_if_done(e);
}

/* --- output --------------------------------------------------------------------- */

static void update_output(struct exec *e);

static void alloc_piece(uv_handle_t *h, size_t suggested, uv_buf_t *b)
{
	struct exec *e = h->data;

	(void)suggested;
	*b = uv_buf_init(e->piece, OUT_PIECE);
}

static void on_output(uv_stream_t *pipe, ssize_t n, const uv_buf_t *b)
{
	struct exec *e = pipe->data;
	int i = pipe == (uv_stream_t *)&e->pipes[ERR] ? ERR : OUT;

	if (n < 0) {
		e->open[i] = false;
		uv_read_stop(pipe);
		finish_if_done(e);
		return;
	}
	if (n > 0 && !e->cancelled)
		session_send_data(e->s, b->base, (size_t)n, i == ERR ? FRAME_STDERR : 0);
	if (e->exited && n > 0)
		uv_timer_start(&e->timer, on_linger, LINGER_MS, 0);
	update_output(e);
}

/* While the connection is full, and after the process is gone, time does not run against
 * output that waits here. */
static void update_output(struct exec *e)
{
	bool full = stream_enough(e->s->stream) && !e->cancelled;

	for (int i = OUT; i <= ERR; i++) {
		if (!e->open[i] || full == e->paused[i])
			continue;
		e->paused[i] = full;
		if (full)
			uv_read_stop((uv_stream_t *)&e->pipes[i]);
		else
			uv_read_start((uv_stream_t *)&e->pipes[i], alloc_piece,
				      on_output);
	}
	if (e->exited && !e->cancelled) {
		if (full)
			uv_timer_stop(&e->timer);
		else if (!uv_is_active((uv_handle_t *)&e->timer))
			uv_timer_start(&e->timer, on_linger, LINGER_MS, 0);
	}
}

static void on_room(struct session *s)
{
	struct exec *e = s->op_data;

	if (!e->finished)
		update_output(e);
}

/* --- input ---------------------------------------------------------------------- */

static void close_input(struct exec *e)
{
	if (!e->open[IN])
		return;
	e->open[IN] = false;
	if (!e->finished)
		close_handle(e, (uv_handle_t *)&e->pipes[IN]);
	stream_resume(e->s->stream);
}

static void on_input_written(uv_write_t *req, int status)
{
	struct input *in = req->data;
	struct exec *e = in->e;

	e->input -= in->n;
	free(in);
	if (e->finished || !e->open[IN])
		return;
	if (status < 0)
		close_input(e);
	else if (e->input < INPUT_HIGH / 2)
		stream_resume(e->s->stream);
}

static void on_input_shut(uv_shutdown_t *req, int status)
{
	struct exec *e = req->data;

	(void)status;
	if (!e->finished)
		close_input(e);
}

static void write_input(struct exec *e, const void *data, size_t n)
{
	struct input *in = malloc(sizeof(*in) + n);
	uv_buf_t b;

	if (!in) {
		close_input(e);
		return;
	}
	in->e = e;
	in->n = n;
	in->req.data = in;
	memcpy(in->data, data, n);
	b = uv_buf_init((char *)in->data, (unsigned)n);
	e->input += n;
	if (uv_write(&in->req, (uv_stream_t *)&e->pipes[IN], &b, 1, on_input_written) <
	    0) {
		e->input -= n;
		free(in);
		close_input(e);
	} else if (e->input >= INPUT_HIGH) {
		stream_pause(e->s->stream);
	}
}

static void on_data(struct session *s, const struct peer_event *ev)
{
	struct exec *e = s->op_data;

	if (!e->open[IN] || e->finished)
		return;
	if (ev->len > 0)
		write_input(e, ev->data, ev->len);
	if ((ev->flags & FRAME_END) && e->open[IN] && !e->shutdown.data) {
		e->shutdown.data = e;
		if (uv_shutdown(&e->shutdown, (uv_stream_t *)&e->pipes[IN],
				on_input_shut) < 0)
			close_input(e);
	}
}

/* --- the beginning -------------------------------------------------------------- */

static void on_cancel(struct session *s)
{
	struct exec *e = s->op_data;

	if (e->finished)
		return;
	e->cancelled = true;
	if (e->exited) {
		finish(e);
		return;
	}
	log_info("exec-killed holder=\"%s\" program=\"%s\"", s->holder, e->program);
	outside_child_stop(&e->child);
	update_output(e);
}

static const struct session_op exec_op = {
	.name = "a command",
	.data = on_data,
	.room = on_room,
	.cancel = on_cancel,
};

static void close_all(int fds[3])
{
	for (int i = 0; i < 3; i++)
		cleanup_close(&fds[i]);
}

/* Pipes and not sockets, which a program cannot open as /dev/stdin.  ret: its ends. */
static int make_pipes(struct exec *e, int ret[3])
{
	int r = 0;

	for (int i = 0; r == 0 && i < 3; i++) {
		uv_file p[2];
		int mine = i == IN ? 1 : 0;

		r = uv_pipe(p, i == IN ? 0 : UV_NONBLOCK_PIPE,
			    i == IN ? UV_NONBLOCK_PIPE : 0);
		if (r < 0)
			break;
		ret[i] = p[!mine];
		r = uv_pipe_open(&e->pipes[i], p[mine]);
		if (r < 0)
			close(p[mine]);
	}
	return r;
}

/* A command on a scratch board is told where that is, as a hook is; else NULL. */
static char *scratch_root(const struct agent *a)
{
	char *word = NULL;

	return a->scratch && asprintf(&word, "KFERRY_ROOT=%s", a->root) >= 0 ? word
									     : NULL;
}

static int spawn(struct exec *e, char **words, struct kf_error *err)
{
	struct agent *a = e->s->env->agent;
	_free_ char *root = scratch_root(a);
	const char *const scratch_env[] = {root, NULL};
	const struct outside_program p = {.argv = (const char *const *)words,
					  .env = root ? scratch_env : NULL};
	int fds[3] = {-1, -1, -1};
	int r = a->scratch && !root ? -ENOMEM : make_pipes(e, fds);

	if (r == 0)
		r = outside_child_start(&e->child, a, &p, fds);
	close_all(fds);
	if (r < 0)
		return kf_err(err, r, KF_REASON_EXEC, "run %s on the board: %m%s",
			      words[0], outside_hint(r));
	for (int i = 0; i < 3; i++)
		e->open[i] = true;
	return 0;
}

static char **make_argv(const Kferry__ExecRequest *q)
{
	char **argv = calloc(q->n_argv + 1, sizeof(*argv));

	for (size_t i = 0; argv && i < q->n_argv; i++)
		argv[i] = q->argv[i];
	return argv;
}

static void init_handles(struct exec *e)
{
	uv_loop_t *loop = e->s->env->loop;

	for (int i = 0; i < 3; i++) {
		uv_pipe_init(loop, &e->pipes[i], 0);
		e->pipes[i].data = e;
	}
	uv_timer_init(loop, &e->timer);
	e->timer.data = e;
	e->child.ended = on_child_end;
	e->child.closed = on_child_closed;
	e->child.arg = e;
	outside_child_init(&e->child, loop);
	e->handles = 5;
}

void session_exec(struct session *s, const Kferry__Envelope *req)
{
	const Kferry__ExecRequest *q = req->exec_request;
	_free_ char **argv = make_argv(q);
	struct exec *e = calloc(1, sizeof(*e));
	struct kf_error err = {0};

	if (e) {
		e->piece = malloc(OUT_PIECE);
		e->program = strdup(q->argv[0]);
	}
	if (!e || !e->piece || !e->program || !argv) {
		if (e) {
			free(e->piece);
			free(e->program);
		}
		free(e);
		kf_err(&err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
		session_send_error(s, &err);
		return;
	}
	log_info("exec holder=\"%s\" program=\"%s\" words=%zu", s->holder, argv[0],
		 q->n_argv);
	e->s = s;
	e->timeout_s = q->timeout_s;
	init_handles(e);
	session_begin(s, &exec_op, e);
	if (spawn(e, argv, &err) < 0) {
		session_send_error(s, &err);
		e->cancelled = true;
		finish(e);
		return;
	}
	uv_read_start((uv_stream_t *)&e->pipes[OUT], alloc_piece, on_output);
	uv_read_start((uv_stream_t *)&e->pipes[ERR], alloc_piece, on_output);
	if (e->timeout_s > 0)
		uv_timer_start(&e->timer, on_timeout, (uint64_t)e->timeout_s * 1000, 0);
}
