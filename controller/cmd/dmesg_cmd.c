// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/cmd/dmesg_cmd.h"

#include <poll.h>
#include <string.h>

#include "controller/client.h"
#include "controller/module/module_call.h"
#include "proto/reason.h"

#define WATCH_MS  15000 /* a command may be silent, its board not */
#define SETTLE_MS 300	/* for the agent to read what the command's end left behind */
#define REST_MS	  3000	/* for records that it has read by then */
#define DEAD_MS	  1000	/* for those of a board that has died */

struct around {
	struct cmd_env *env;
	const char *board;
	struct dmesg_out *out;
	struct client *command, *log; /* log is NULL once it is lost */
	uint64_t since_us;
};

/* Of the kernel's newest record. */
static int ask_newest(struct around *a, uint64_t *ret, struct kf_error *err)
{
	/* The answer tells it; no module of that name makes it short. */
	static char none[] = "none";
	char *const names[] = {none};
	const Kferry__Modules *all;
	int rc = module_call_list(a->command, names, 1,
				  cmd_connect_deadline(a->env, a->board), &all, err);

	if (rc == 0)
		*ret = all->log_us;
	return rc;
}

static int begin_log(struct around *a, struct kf_error *err)
{
	Kferry__LogRequest q = KFERRY__LOG_REQUEST__INIT;
	Kferry__Envelope request = CLIENT_ENVELOPE(LOG_REQUEST, log_request, &q);
	const Kferry__Envelope *answer;
	int rc = ask_newest(a, &a->since_us, err);

	if (rc == 0)
		rc = cmd_connect(a->env, a->board, NULL, &a->log, err);
	if (rc < 0)
		return rc;
	q.follow = true;
	q.since_us = a->since_us + 1;
	return client_call(a->log, &request, KFERRY__ENVELOPE__BODY_LOG_START,
			   cmd_connect_deadline(a->env, a->board), &answer, err);
}

/* The records that are here.  A log that is lost is no reason to end the command. */
static int take_log(struct around *a, struct kf_error *err)
{
	while (a->log) {
		struct kf_error why = {0};
		struct peer_event ev;
		int rc = client_next(a->log, deadline_in(0), &ev, &why);

		if (rc == -ETIMEDOUT)
			return 0;
		if (rc < 0 || ev.type != PEER_DATA) {
			client_close(TAKE_PTR(a->log));
			if (rc == -ECANCELED)
				return kf_err(err, rc, why.reason, "%s", why.msg);
			return 0;
		}
		rc = dmesg_out_take(a->out, ev.data, ev.len, true, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Records up to that one, or for a time. */
static int take_rest(struct around *a, uint64_t newest_us, int ms, struct kf_error *err)
{
	deadline_ms end = deadline_in(ms);
	int rc = take_log(a, err);

	while (rc == 0 && a->log && a->out->newest_us < newest_us && deadline_left(end)) {
		struct pollfd f[2] = {{.fd = client_fd(a->log), .events = POLLIN},
				      {.fd = cancel_fd(), .events = POLLIN}};

		poll(f, 2, deadline_left(end));
		rc = take_log(a, err);
	}
	return rc;
}

static int begin_command(struct around *a, const char *command, struct kf_error *err)
{
	const char *argv[] = {"sh", "-c", command};
	Kferry__ExecRequest q = KFERRY__EXEC_REQUEST__INIT;
	Kferry__Envelope request = CLIENT_ENVELOPE(EXEC_REQUEST, exec_request, &q);
	int rc;

	q.argv = (char **)argv;
	q.n_argv = ARRAY_SIZE(argv);
	rc = client_request(a->command, &request, cmd_connect_deadline(a->env, a->board),
			    err);
	client_watch(a->command, WATCH_MS);
	return rc < 0 ? rc : client_queue_data(a->command, NULL, 0, FRAME_END, err);
}

static int follow(struct around *a, int *ret_status, struct kf_error *err)
{
	for (;;) {
		struct peer_event ev;
		int rc = take_log(a, err);

		if (rc == 0)
			rc = client_next_or_fd(a->command,
					       a->log ? client_fd(a->log) : -1,
					       DEADLINE_NEVER, &ev, err);
		if (rc < 0)
			return rc;
		if (ev.type == PEER_DATA && ev.len)
			ui_err_bytes(a->env->ui, (const char *)ev.data, ev.len);
		if (ev.type == PEER_ENVELOPE &&
		    ev.env->body_case == KFERRY__ENVELOPE__BODY_EXIT) {
			*ret_status = (int)(ev.env->exit->status & 255);
			return 0;
		}
	}
}

static int run(struct around *a, const char *command, int *ret_status,
	       struct kf_error *err)
{
	struct kf_error log = {0};
	uint64_t newest_us = 0;
	int rc = module_call_check(a->command, a->board, err);

	if (rc == 0)
		rc = begin_log(a, err);
	if (rc == 0)
		rc = begin_command(a, command, err);
	if (rc < 0)
		return rc;
	rc = follow(a, ret_status, err);
	client_watch(a->command, 0);
	/* What it said last is why it does not answer. */
	if (rc < 0 && rc != -ECANCELED && take_rest(a, UINT64_MAX, DEAD_MS, &log) < 0)
		return rc;
	if (rc == 0)
		rc = take_rest(a, UINT64_MAX, SETTLE_MS, err);
	if (rc == 0)
		rc = ask_newest(a, &newest_us, err);
	if (rc == 0 && newest_us > a->since_us)
		rc = take_rest(a, newest_us, REST_MS, err);
	if (rc == 0 && !a->log)
		ui_warn(a->env->ui,
			"%s: the connection with the log was lost: records may be "
			"missing",
			a->board);
	return rc;
}

int dmesg_cmd(struct cmd_env *env, const char *board, const char *command,
	      struct dmesg_out *out, int *ret_status, struct kf_error *err)
{
	struct around a = {.env = env, .board = board, .out = out};
	int rc = cmd_connect(env, board, NULL, &a.command, err);

	if (rc == 0) {
		rc = run(&a, command, ret_status, err);
		client_close(a.command);
	}
	client_close(a.log);
	return rc;
}
