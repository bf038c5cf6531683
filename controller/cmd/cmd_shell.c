// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kferry shell: a login shell on the board, on a terminal that `kferryd pty` makes there.
 * It is a command as exec's, so that it works over every link, and the size of the window
 * travels with what is typed (proto/pty.h).  What the board writes goes to the terminal
 * as it is, as with any remote shell.
 */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "controller/client.h"
#include "controller/cmd/cmd.h"
#include "controller/ui/rawtty.h"
#include "proto/base/fs.h"
#include "proto/limits.h"
#include "proto/pty.h"
#include "proto/reason.h"
#include "proto/text.h"

#define WATCH_MS 15000
#define SAID_MAX 4096
/* The agent's own program, whatever its name and place on the board. */
#define AGENT "/proc/self/exe"

struct shell {
	struct client *client;
	int events; /* readable: one of the two below */
	int window; /* SIGWINCH */
	bool input; /* standard input goes on */
	struct rawtty tty;
	struct buf said; /* what the agent's program says besides */
};

static int send_size(struct shell *s, struct kf_error *err)
{
	_buf_ struct buf record = BUF_INIT;
	uint16_t rows, columns;
	int rc;

	rawtty_size(&rows, &columns);
	rc = pty_put_size(&record, rows, columns);
	return rc < 0 ? kf_err(err, rc, KF_REASON_NO_MEMORY, "no memory")
		      : client_queue_data(s->client, buf_data(&record), buf_len(&record),
					  0, err);
}

static int send_typed(struct shell *s, struct kf_error *err)
{
	_buf_ struct buf record = BUF_INIT;
	char typed[LIMIT_PTY];
	ssize_t n = read(STDIN_FILENO, typed, sizeof(typed));
	int rc;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0) {
		/* The terminal is gone; so is the one on the board. */
		s->input = false;
		epoll_ctl(s->events, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
		return client_queue_data(s->client, NULL, 0, FRAME_END, err);
	}
	rc = pty_put_typed(&record, typed, (size_t)n);
	return rc < 0 ? kf_err(err, rc, KF_REASON_NO_MEMORY, "no memory")
		      : client_queue_data(s->client, buf_data(&record), buf_len(&record),
					  0, err);
}

static int pass_input(struct shell *s, struct kf_error *err)
{
	struct pollfd f[2] = {{.fd = s->window, .events = POLLIN},
			      {.fd = s->input ? STDIN_FILENO : -1, .events = POLLIN}};
	struct signalfd_siginfo si;
	int rc = 0;

	if (poll(f, 2, 0) <= 0)
		return 0;
	if (f[0].revents && read(s->window, &si, sizeof(si)) > 0)
		rc = send_size(s, err);
	if (rc == 0 && f[1].revents)
		rc = send_typed(s, err);
	return rc;
}

static int show(struct shell *s, const struct peer_event *ev, struct kf_error *err)
{
	int rc;

	if (ev->flags & FRAME_STDERR) {
		size_t room = SAID_MAX - buf_len(&s->said);

		rc = buf_append(&s->said, ev->data, ev->len < room ? ev->len : room);
	} else {
		rc = fs_write_all(STDOUT_FILENO, ev->data, ev->len);
	}
	return rc < 0 ? kf_err(err, rc, KF_REASON_IO, "the terminal: %m") : 0;
}

static int converse(struct shell *s, int *ret_status, struct kf_error *err)
{
	for (;;) {
		struct peer_event ev;
		int rc =
			client_next_or_fd(s->client, s->events, DEADLINE_NEVER, &ev, err);

		if (rc == 0 && ev.type == PEER_DATA)
			rc = show(s, &ev, err);
		if (rc == 0 && ev.type == PEER_ENVELOPE &&
		    ev.env->body_case == KFERRY__ENVELOPE__BODY_EXIT) {
			*ret_status = (int)ev.env->exit->status;
			return 0;
		}
		if (rc == 0 && ev.type == PEER_NOTHING)
			rc = pass_input(s, err);
		if (rc < 0)
			return rc;
	}
}

/* SIGWINCH must be nobody's else: before a link starts its threads. */
static int watch(struct shell *s)
{
	struct epoll_event e = {.events = EPOLLIN};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return -EINVAL;
	s->window = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s->events = epoll_create1(EPOLL_CLOEXEC);
	if (s->window < 0 || s->events < 0 ||
	    epoll_ctl(s->events, EPOLL_CTL_ADD, s->window, &e) < 0 ||
	    epoll_ctl(s->events, EPOLL_CTL_ADD, STDIN_FILENO, &e) < 0)
		return -errno;
	return 0;
}

static int judge(struct shell *s, int status, struct kf_error *err)
{
	const char *said = buf_str(&s->said);

	if (status == 64 && said && strstr(said, "no command pty"))
		return kf_err(
			err, -EOPNOTSUPP, KF_REASON_UNSUPPORTED,
			"the agent there has no terminals yet; `kferry board setup` "
			"brings it up to date, `kferry exec -- sh` does without");
	if (said && *said)
		return kf_err(err, -EIO, KF_REASON_EXEC, "%.*s",
			      (int)strcspn(said, "\r\n"), said);
	return 0;
}

static int run(struct shell *s, struct cmd_env *env, const char *board, char *program[],
	       int *ret_status, struct kf_error *err)
{
	Kferry__ExecRequest q = KFERRY__EXEC_REQUEST__INIT;
	Kferry__Envelope request = CLIENT_ENVELOPE(EXEC_REQUEST, exec_request, &q);
	const char *term = getenv("TERM");
	char rows[8], columns[8];
	const char *argv[LIMIT_ARGV] = {AGENT, "pty", rows, columns,
					term && text_is_name(term) ? term : "dumb"};
	uint16_t r, c;
	int rc;

	rawtty_size(&r, &c);
	snprintf(rows, sizeof(rows), "%u", r);
	snprintf(columns, sizeof(columns), "%u", c);
	for (q.n_argv = 5; *program; program++)
		argv[q.n_argv++] = *program;
	q.argv = (char **)argv;
	rc = cmd_connect(env, board, &request, &s->client, err);
	if (rc == 0)
		rc = client_request(s->client, &request, cmd_connect_deadline(env, board),
				    err);
	if (rc < 0)
		return rc;
	client_watch(s->client, WATCH_MS);
	rc = rawtty_begin(&s->tty);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "the terminal: %m");
	rc = send_size(s, err);
	if (rc == 0)
		rc = converse(s, ret_status, err);
	rawtty_end(&s->tty);
	return rc < 0 ? rc : judge(s, *ret_status, err);
}

int cmd_shell(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{0},
	};
	struct shell s = {.events = -1, .window = -1, .input = true};
	struct kf_error err = {0};
	const char *board;
	int status = STATUS_ERROR, c, rc;

	while ((c = getopt_long(argc, argv, "+:b:", options, NULL)) != -1) {
		if (c != 'b')
			return cmd_bad_option(env, "shell", argv);
		env->board = optarg;
	}
	argv += optind;
	board = *argv && strcmp(argv[-1], "--") ? *argv++ : NULL;
	if (*argv && !strcmp(*argv, "--"))
		argv++;
	else if (*argv && board)
		return cmd_usage(env, "shell", "a program stands after --");
	if (argc > LIMIT_ARGV - 8)
		return cmd_usage(env, "shell", "more than %d words", LIMIT_ARGV - 8);
	board = cmd_board_arg(env, "shell", board);
	if (!board)
		return STATUS_USAGE;
	if (ui_is_json(env->ui) || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return cmd_usage(env, "shell",
				 "it needs a terminal; `kferry exec -b %s -- sh` reads "
				 "commands from anywhere",
				 board);
	rc = watch(&s);
	if (rc < 0)
		rc = kf_err(&err, rc, KF_REASON_IO, "watch the terminal: %m");
	else
		rc = run(&s, env, board, argv, &status, &err);
	client_close(s.client);
	cleanup_close(&s.window);
	cleanup_close(&s.events);
	buf_fini(&s.said);
	return rc < 0 ? cmd_fail(env, board, &err) : status;
}
