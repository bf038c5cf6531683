/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A command on the board, with its three streams over the wire.
 *
 * The command leads a process group of its own, or is a unit of its own outside of the
 * agent's sandbox (agent/outside.h), with systemd-run as the process here.  The whole of
 * it is killed when the connection ends or the time is up.  Output is not read while the
 * connection is full; input is not taken from the connection while the command does not
 * read it.  The operation's memory is released when the process was reaped and every
 * handle is closed.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "agent/outside.h"
#include "agent/session/session_op.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/reason.h"

#define OUT_PIECE  (32 * 1024)
#define INPUT_HIGH (256 * 1024) /* bytes waiting for the command to read them */
#define KILL_MS	   2000		/* from SIGTERM to SIGKILL */
#define KILL_TRIES 4		/* of a unit, which may not have begun at the first one */
#define LINGER_MS  2000 /* for output after the end: another process may hold the pipe */

enum { IN, OUT, ERR };

struct exec {
	struct session *s;
	uv_process_t process;
	uv_pipe_t pipes[3];
	uv_timer_t timer;
	uv_shutdown_t shutdown;
	unsigned handles;
	struct outside outside;
	int group; /* 0: not running */
	int kills; /* signals sent so far */
	bool paused[3];
	bool open[3]; /* OUT, ERR: more may come; IN: it may be written */
	bool exited, finished, killed, timed_out, cancelled;
	bool lost; /* systemd-run did not run it, or nobody knows how it ended */
	int64_t status;
	int signal;
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

static char *const environment[] = {
	(char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	(char *)"LANG=C.UTF-8", (char *)"HOME=/root", NULL};

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
	if (e->lost) {
		kf_err(&err, -EIO, KF_REASON_EXEC,
		       "systemd-run did not run the command on the board to its end; "
		       "what it said is on stderr");
		session_send_error(e->s, &err);
		return;
	}
	m.signalled = e->signal != 0;
	m.status = m.signalled ? 128 + (uint32_t)e->signal : (uint32_t)e->status;
	env.body_case = KFERRY__ENVELOPE__BODY_EXIT;
	env.exit = &m;
	session_send(e->s, &env);
}

static void handle_closed(uv_handle_t *h)
{
	struct exec *e = h->data;
	struct session *s = e->s;

	if (--e->handles > 0)
		return;
	answer(e);
	outside_fini(&e->outside);
	free(e->piece);
	free(e);
	session_end(s);
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
	close_handle(e, (uv_handle_t *)&e->process);
	for (int i = 0; i < 3; i++)
		close_handle(e, (uv_handle_t *)&e->pipes[i]);
	close_handle(e, (uv_handle_t *)&e->timer);
}

static void finish_if_done(struct exec *e)
{
	if (e->exited && !e->open[OUT] && !e->open[ERR])
		finish(e);
}

static void free_handle(uv_handle_t *h)
{
	free(h);
}

static void on_systemctl_end(uv_process_t *p, int64_t status, int sig)
{
	(void)status;
	(void)sig;
	uv_close((uv_handle_t *)p, free_handle);
}

/* Without waiting for it; an operation that has ended does not matter to it. */
static void kill_unit(struct exec *e, int sig)
{
	struct outside_kill k;
	/* Not the agent's environment: it names the socket to notify systemd at. */
	uv_process_options_t opts = {.exit_cb = on_systemctl_end,
				     .env = (char **)environment};
	uv_process_t *p = calloc(1, sizeof(*p));

	if (!p)
		return;
	outside_kill(&e->outside, sig, &k);
	opts.file = k.argv[0];
	opts.args = k.argv;
	if (uv_spawn(e->s->env->loop, p, &opts) < 0)
		uv_close((uv_handle_t *)p, free_handle);
}

static void kill_group(struct exec *e, int sig)
{
	if (e->group <= 0)
		return;
	e->kills++;
	if (e->outside.unit)
		kill_unit(e, sig);
	/* When not even systemd can be asked, at least systemd-run goes. */
	if (!e->outside.unit || e->kills > KILL_TRIES)
		kill(-e->group, sig);
}

static void on_kill_timer(uv_timer_t *t)
{
	kill_group(t->data, SIGKILL);
}

static void end_group(struct exec *e)
{
	if (e->killed || e->exited)
		return;
	e->killed = true;
	kill_group(e, SIGTERM);
	uv_timer_start(&e->timer, on_kill_timer, KILL_MS, e->outside.unit ? KILL_MS : 0);
}

static void on_timeout(uv_timer_t *t)
{
	struct exec *e = t->data;

	e->timed_out = true;
	end_group(e);
}

static void on_linger(uv_timer_t *t)
{
	finish(t->data);
}

/* What ended was systemd-run. */
static void take_end(struct exec *e)
{
	int status = 0;

	e->lost = outside_end(&e->outside, &status, &e->signal) < 0;
	e->status = status;
}

static void on_reaped(uv_process_t *p, int64_t status, int sig)
{
	struct exec *e = p->data;

	e->exited = true;
	e->status = status;
	e->signal = sig;
	if (e->outside.unit)
		take_end(e);
	/* What it left behind has no master now; after a kill it goes too. */
	if (e->killed)
		kill_group(e, SIGKILL);
	e->group = 0;
	if (e->cancelled)
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
	bool full = stream_full(e->s->stream) && !e->cancelled;

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
	log_info("exec-killed holder=\"%s\" pid=%d", s->holder, e->group);
	end_group(e);
	update_output(e);
}

static const struct session_op exec_op = {
	.name = "a command",
	.data = on_data,
	.room = on_room,
	.cancel = on_cancel,
};

/* Inside the sandbox after all; the memory goes to the agent first, so not to it. */
static void say_shut_in(struct exec *e)
{
	static const char text[] =
		"kferryd: systemd-run or D-Bus is missing on this board: the command "
		"runs "
		"inside the agent's sandbox, without network, on a read-only system\n";
	_close_ int fd = -1;
	char path[40];

	session_send_data(e->s, text, sizeof(text) - 1, FRAME_STDERR);
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", e->group);
	fd = fs_open_beneath(AT_FDCWD, path, O_WRONLY, 0);
	if (fd < 0 || fs_write_all(fd, "0", 1) < 0)
		log_warn("exec pid=%d error=\"its oom_score_adj stays\"", e->group);
}

static int spawn(struct exec *e, char **words, struct kf_error *err)
{
	const struct outside_program p = {
		.kind = "exec",
		.argv = (const char *const *)words,
		.env = (const char *const *)environment,
	};
	uv_stdio_container_t stdio[3];
	uv_process_options_t opts = {
		.exit_cb = on_reaped,
		.env = (char **)environment,
		.cwd = "/",
		.flags = UV_PROCESS_DETACHED,
		.stdio_count = 3,
		.stdio = stdio,
	};
	int r;

	r = outside_init(&e->outside, e->s->env->agent, &p);
	if (r < 0)
		return kf_err(err, r, KF_REASON_NO_MEMORY, "run %s on the board: %m",
			      words[0]);
	opts.args = e->outside.argv;
	opts.file = opts.args[0];
	for (int i = 0; i < 3; i++) {
		stdio[i].flags =
			UV_CREATE_PIPE | (i == IN ? UV_READABLE_PIPE : UV_WRITABLE_PIPE);
		stdio[i].data.stream = (uv_stream_t *)&e->pipes[i];
	}
	r = uv_spawn(e->s->env->loop, &e->process, &opts);
	if (r < 0)
		return kf_err(err, r, KF_REASON_EXEC, "run %s on the board: %m",
			      opts.file);
	e->group = e->process.pid;
	for (int i = 0; i < 3; i++)
		e->open[i] = true;
	if (e->outside.way == OUTSIDE_SHUT)
		say_shut_in(e);
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
	e->timer.data = e->process.data = e;
	e->handles = 5;
}

void session_exec(struct session *s, const Kferry__Envelope *req)
{
	const Kferry__ExecRequest *q = req->exec_request;
	_free_ char **argv = make_argv(q);
	struct exec *e = calloc(1, sizeof(*e));
	struct kf_error err = {0};

	if (e)
		e->piece = malloc(OUT_PIECE);
	if (!e || !e->piece || !argv) {
		free(e ? e->piece : NULL);
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
