// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/console/terminal.h"

#include <poll.h>
#include <string.h>
#include <termios.h>

#include "controller/cancel.h"
#include "controller/console/escape.h"
#include "controller/console/view.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

#define BLOCK	  4096
#define REST_MS	  1000
#define QUEUE_MAX (64u * 1024) /* for a board that takes nothing: then input waits */

struct terminal {
	struct ui *ui;
	struct console *c;
	const struct terminal_opts *o;
	bool input;    /* standard input is read */
	bool keyboard; /* ... and is a terminal, raw now */
	bool escaped;  /* what is shown */
	struct escape escape;
	struct view view;
	struct buf queue; /* to the board */
	struct termios saved;
};

static int put(struct terminal *t, const void *data, size_t n)
{
	_buf_ struct buf shown = BUF_INIT;
	int r;

	if (!t->escaped)
		return fs_write_all(STDOUT_FILENO, data, n);
	r = view_feed(&t->view, data, n, &shown);
	if (r == 0 && buf_len(&shown))
		r = fs_write_all(STDOUT_FILENO, buf_data(&shown), buf_len(&shown));
	return r;
}

static int show(struct terminal *t, struct kf_error *err)
{
	struct console_data d;
	int r = console_read(t->c, &d);

	if (r == -EAGAIN)
		return 1;
	if (r <= 0)
		return console_failure(t->c, r, err);
	if (t->o->log_fd >= 0) {
		r = fs_write_all(t->o->log_fd, d.raw, d.raw_n);
		if (r < 0)
			return kf_err(err, r, KF_REASON_IO, "write the log: %m");
	}
	r = put(t, d.text, d.text_n);
	return r < 0 ? kf_err(err, r, KF_REASON_IO, "standard output: %m") : 1;
}

/* Lines of ours among those of a raw terminal. */
static void tell(const char *text)
{
	(void)!write(STDERR_FILENO, "\r\n", 2);
	(void)!write(STDERR_FILENO, text, strlen(text));
	(void)!write(STDERR_FILENO, "\r\n", 2);
}

static bool act(struct terminal *t, enum escape_action action)
{
	if (action == ESCAPE_HELP)
		tell("Ctrl-] and then: " ESCAPE_KEYS);
	if (action == ESCAPE_BREAK && console_break(t->c) < 0)
		tell("this console has no break");
	return action != ESCAPE_LEAVE;
}

/* 0: leave. */
static int take_keys(struct terminal *t, const char *data, size_t n)
{
	while (n > 0) {
		enum escape_action action;
		ssize_t used = escape_feed(&t->escape, data, n, &t->queue, &action);

		if (used < 0)
			return (int)used;
		if (!act(t, action))
			return 0;
		data += used;
		n -= (size_t)used;
	}
	return 1;
}

static int take_input(struct terminal *t, struct kf_error *err)
{
	char data[BLOCK];
	ssize_t n = read(STDIN_FILENO, data, sizeof(data));
	int r = 1;

	if (n < 0 && errno == EINTR)
		return 1;
	if (n <= 0) {
		t->input = false;
		/* A keyboard that is gone has nobody who could leave. */
		return t->keyboard ? 0 : 1;
	}
	if (t->keyboard)
		r = take_keys(t, data, (size_t)n);
	else
		r = buf_append(&t->queue, data, (size_t)n) < 0 ? -ENOMEM : 1;
	return r < 0 ? kf_err(err, r, KF_REASON_NO_MEMORY, "no memory") : r;
}

static int send_queue(struct terminal *t, struct kf_error *err)
{
	ssize_t n = console_write(t->c, buf_data(&t->queue), buf_len(&t->queue));

	if (n == -EAGAIN)
		return 1;
	if (n < 0) {
		/* Its end says more. */
		int r = console_failure(t->c, (int)n, err);

		return r < 0 ? r : 0;
	}
	buf_consume(&t->queue, (size_t)n);
	return 1;
}

/* 0: it is over, in order; 1: not yet. */
static int step(struct terminal *t, struct kf_error *err)
{
	bool room = t->input && buf_len(&t->queue) < QUEUE_MAX;
	bool sends = buf_len(&t->queue) > 0;
	struct pollfd p[3] = {
		{.fd = room ? STDIN_FILENO : -1, .events = POLLIN},
		{.fd = console_fd(t->c),
		 .events = (short)(sends ? POLLIN | POLLOUT : POLLIN)},
		{.fd = cancel_fd(), .events = POLLIN},
	};
	int r = 1;

	if (poll(p, 3, -1) < 0)
		return errno == EINTR ? 1 : kf_err(err, -errno, KF_REASON_IO, "poll: %m");
	if (p[2].revents)
		return 0;
	if (p[1].revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL))
		r = show(t, err);
	if (r == 1 && p[1].revents & POLLOUT)
		r = send_queue(t, err);
	if (r == 1 && p[0].revents)
		r = take_input(t, err);
	return r;
}

/* What was typed before the end is sent, as far as the board takes it. */
static void send_rest(struct terminal *t)
{
	struct pollfd p = {.fd = console_fd(t->c), .events = POLLOUT};
	deadline_ms end = deadline_in(REST_MS);

	while (buf_len(&t->queue) && deadline_left(end)) {
		ssize_t n;

		if (poll(&p, 1, deadline_left(end)) <= 0)
			return;
		n = console_write(t->c, buf_data(&t->queue), buf_len(&t->queue));
		if (n < 0 && n != -EAGAIN)
			return;
		buf_consume(&t->queue, n > 0 ? (size_t)n : 0);
	}
}

static void make_raw(struct terminal *t)
{
	struct termios raw = t->saved;

	cfmakeraw(&raw);
	/* Lines that are escaped end in a newline alone. */
	if (t->escaped)
		raw.c_oflag |= OPOST;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

int terminal_run(struct ui *ui, struct console *c, const struct terminal_opts *opts,
		 struct kf_error *err)
{
	struct terminal t = {.ui = ui, .c = c, .o = opts};
	int r;

	t.input = !opts->read_only && console_is_written(c);
	t.keyboard =
		t.input && isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &t.saved) == 0;
	t.escaped = opts->safe || (isatty(STDOUT_FILENO) && !t.keyboard);
	if (t.keyboard) {
		ui_note(ui, "Ctrl-] and then: " ESCAPE_KEYS);
		make_raw(&t);
	}
	do {
		r = step(&t, err);
	} while (r == 1);
	if (r == 0)
		send_rest(&t);
	if (t.escaped) {
		_buf_ struct buf rest = BUF_INIT;

		if (view_end(&t.view, &rest) == 0 && buf_len(&rest))
			(void)!fs_write_all(STDOUT_FILENO, buf_data(&rest),
					    buf_len(&rest));
	}
	if (t.keyboard)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &t.saved);
	buf_fini(&t.queue);
	return r;
}
