// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry exec: a program on the board, with our stdin, stdout and exit status. */
#include <fcntl.h>
#include <getopt.h>
#include <string.h>

#include "controller/client.h"
#include "controller/cmd/cmd.h"
#include "controller/cmd/exec_script.h"
#include "controller/fleet/each.h"
#include "proto/base/fs.h"
#include "proto/limits.h"
#include "proto/reason.h"

#define BLOCK	     (64 * 1024)
#define SCRIPT_WORDS 8	   /* that running one takes */
#define GRACE_MS     15000 /* for the answer after the board's own time limit */
#define WATCH_MS     15000 /* a program may be silent, its board not */
#define PIPE_MIN     4096 /* of input that the agent is rid of, whatever the program does */

struct exec {
	struct cmd_env *env;
	struct client *client;
	uint8_t *block;
	int in_fd; /* -1: its end was sent */
	size_t sent;
	deadline_ms deadline;
};

/* Pass on what stdin has; its end too. */
static int pass_input(struct exec *x, struct kf_error *err)
{
	ssize_t n = read(x->in_fd, x->block, BLOCK);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0)
		x->in_fd = -1;
	else
		x->sent += (size_t)n;
	if (x->sent > PIPE_MIN)
		client_watch(x->client, 0);
	return client_queue_data(x->client, x->block, n > 0 ? (size_t)n : 0,
				 n > 0 ? 0 : FRAME_END, err);
}

static void show(struct exec *x, const struct peer_event *ev)
{
	const char *data = (const char *)ev->data;

	if (!ev->len)
		return;
	if (ev->flags & FRAME_STDERR)
		ui_err_bytes(x->env->ui, data, ev->len);
	else
		ui_out_bytes(x->env->ui, data, ev->len);
}

/* Until Exit came: *ret_status. */
static int converse(struct exec *x, int *ret_status, struct kf_error *err)
{
	for (;;) {
		struct peer_event ev;
		int rc = client_next_or_fd(x->client, x->in_fd, x->deadline, &ev, err);

		if (rc == 0 && ev.type == PEER_NOTHING)
			rc = pass_input(x, err);
		if (rc < 0)
			return rc;
		if (ev.type == PEER_DATA)
			show(x, &ev);
		rc = ui_out_error(x->env->ui);
		if (rc == -EPIPE) {
			/* Nobody reads the output: as a pipe's writer would end. */
			*ret_status = 128 + 13;
			return 0;
		}
		if (rc < 0)
			return kf_err(err, rc, KF_REASON_IO, "standard output: %s",
				      strerror(-rc));
		if (ev.type != PEER_ENVELOPE ||
		    ev.env->body_case != KFERRY__ENVELOPE__BODY_EXIT)
			continue;
		*ret_status = (int)ev.env->exit->status;
		ui_json(x->env->ui, json_pack("{s:s, s:i, s:b}", "event", "exit",
					      "status", *ret_status, "signalled",
					      (int)ev.env->exit->signalled));
		return 0;
	}
}

struct args {
	char **argv;
	uint32_t timeout_s;
	const char *script; /* its file is the input, or NULL */
	bool no_input;	    /* of several boards none gets it */
};

static int run(struct cmd_env *env, const char *board, const struct args *a,
	       int *ret_status, struct kf_error *err)
{
	Kferry__ExecRequest q = KFERRY__EXEC_REQUEST__INIT;
	Kferry__Envelope request = CLIENT_ENVELOPE(EXEC_REQUEST, exec_request, &q);
	struct exec x = {.env = env, .in_fd = STDIN_FILENO};
	_free_ uint8_t *block = malloc(BLOCK);
	_close_ int script = -1;
	int rc;

	if (!block)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "exec: %m");
	if (a->script)
		script = fs_open_beneath(AT_FDCWD, a->script, O_RDONLY, 0);
	if (a->script && script < 0)
		return kf_err(err, script, KF_REASON_IO, "open %s: %m", a->script);
	if (a->script)
		x.in_fd = script;
	x.block = block;
	for (q.n_argv = 0; a->argv[q.n_argv]; q.n_argv++)
		;
	q.argv = a->argv;
	q.timeout_s = a->timeout_s;
	rc = cmd_connect(env, board, &request, &x.client, err);
	if (rc < 0)
		return rc;
	x.deadline = a->timeout_s ? deadline_in((int64_t)a->timeout_s * 1000 + GRACE_MS)
				  : DEADLINE_NEVER;
	rc = client_request(x.client, &request, cmd_connect_deadline(env, board), err);
	client_watch(x.client, a->timeout_s ? 0 : WATCH_MS);
	if (rc == 0 && a->no_input && !a->script) {
		x.in_fd = -1;
		rc = client_queue_data(x.client, NULL, 0, FRAME_END, err);
	}
	if (rc == 0)
		rc = converse(&x, ret_status, err);
	client_close(x.client);
	return rc;
}

/* "90", "90s", "2m": whole seconds. */
static int parse_timeout(const char *text, uint32_t *ret)
{
	static const struct {
		const char *unit;
		unsigned long s;
	} units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}};
	char *end;
	unsigned long n;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || !n || n > 1000000)
		return -ERANGE;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (!strcmp(end, units[i].unit)) {
			*ret = (uint32_t)(n * units[i].s);
			return 0;
		}
	}
	return -EINVAL;
}

static int exec_one(struct cmd_env *env, const char *board, void *arg)
{
	struct kf_error err = {0};
	int status = STATUS_ERROR;

	if (run(env, board, arg, &status, &err) < 0)
		return cmd_fail(env, board, &err);
	return status;
}

/* What is left of the command line: a program, or a script's arguments. */
static int take_words(struct cmd_env *env, const char *file, int n, char *words[],
		      struct exec_script *script, struct args *a)
{
	struct kf_error err = {0};

	if (!n && !file)
		return cmd_usage(env, "exec", "which program? It stands after --");
	if (n > LIMIT_ARGV - (file ? SCRIPT_WORDS : 0))
		return cmd_usage(env, "exec", "more than %d words", LIMIT_ARGV);
	a->argv = words;
	if (!file)
		return 0;
	if (exec_script_open(file, words, script, &err) < 0)
		return cmd_fail(env, NULL, &err);
	a->argv = (char **)script->argv;
	a->script = script->file;
	return 0;
}

int cmd_exec(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"label", required_argument, NULL, 'l'},
		{"script", required_argument, NULL, 's'},
		{"timeout", required_argument, NULL, 't'},
		{NULL, 0, NULL, 0},
	};
	_pick_ struct pick boards = {0};
	_exec_script_ struct exec_script script = {0};
	struct args a = {0};
	const char *file = NULL;
	int c, rc = 0;

	while (rc == 0 && (c = getopt_long(argc, argv, "+:b:l:", options, NULL)) != -1) {
		if (c == 'b')
			rc = pick_add(&boards, optarg);
		else if (c == 'l')
			rc = pick_add_label(&boards, optarg);
		else if (c == 's')
			file = optarg;
		else if (c != 't')
			return cmd_bad_option(env, "exec", argv);
		else if (parse_timeout(optarg, &a.timeout_s) < 0)
			return cmd_usage(env, "exec", "\"%s\" is no time such as 90s",
					 optarg);
	}
	if (rc < 0)
		return STATUS_ERROR;
	rc = take_words(env, file, argc - optind, argv + optind, &script, &a);
	if (rc)
		return rc;
	rc = cmd_boards(env, "exec", &boards);
	if (rc)
		return rc;
	a.no_input = boards.n > 1;
	return each_board(env, &boards, false, exec_one, &a);
}
