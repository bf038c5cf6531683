/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The running boot's log over the wire: a cursor on the loop, followed or not. */
#include "agent/session/session_op.h"
#include "proto/reason.h"

#define PIECE (64 * 1024)

void session_send_log_start(struct session *s, const char *boot_id, const char *slot)
{
	Kferry__Envelope env = KFERRY__ENVELOPE__INIT;
	Kferry__LogStart m = KFERRY__LOG_START__INIT;

	m.boot_id = (char *)boot_id;
	m.slot = (char *)slot;
	env.body_case = KFERRY__ENVELOPE__BODY_LOG_START;
	env.log_start = &m;
	session_send(s, &env);
}

void session_refuse(struct session *s, int code, int reason, const char *what)
{
	struct kf_error err = {0};

	kf_err(&err, code, reason, "%s", what);
	session_send_error(s, &err);
}

/* --- this boot ------------------------------------------------------------------ */

struct live {
	struct session *s;
	struct kernlog_cursor *cursor;
	bool follow;
	char *piece;
};

static void live_end(struct live *l)
{
	struct session *s = l->s;

	kernlog_cursor_free(l->cursor);
	free(l->piece);
	free(l);
	session_end(s);
}

static void live_pump(struct live *l)
{
	while (!stream_full(l->s->stream)) {
		ssize_t n = kernlog_cursor_read(l->cursor, l->piece, PIECE);

		if (n > 0) {
			session_send_data(l->s, l->piece, (size_t)n, 0);
			continue;
		}
		if (!l->follow) {
			session_send_data(l->s, NULL, 0, FRAME_END);
			session_send_done(l->s, "");
			live_end(l);
		}
		return;
	}
}

static void live_wake(void *arg)
{
	struct live *l = arg;

	if (l->follow)
		live_pump(l);
}

static void live_room(struct session *s)
{
	live_pump(s->op_data);
}

static void live_cancel(struct session *s)
{
	live_end(s->op_data);
}

static const struct session_op live_op = {
	.name = "a log",
	.room = live_room,
	.cancel = live_cancel,
};

static void start_live(struct session *s, const Kferry__LogRequest *q)
{
	const struct agent_boot *boot = &s->env->agent->boot;
	struct live *l;

	if (!s->env->kernlog && s->env->start_log)
		s->env->start_log(s->env->arg);
	if (!s->env->kernlog) {
		session_refuse(s, -ENODATA, KF_REASON_NOT_FOUND,
			       "the agent cannot open the kernel's log; its journal says "
			       "why (journalctl -u kferryd)");
		return;
	}
	l = calloc(1, sizeof(*l));
	if (l)
		l->piece = malloc(PIECE);
	if (!l || !l->piece ||
	    kernlog_cursor_new(s->env->kernlog, q->since_us, q->max_level, live_wake, l,
			       &l->cursor) < 0) {
		if (l)
			free(l->piece);
		free(l);
		session_refuse(s, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
		return;
	}
	l->s = s;
	l->follow = q->follow;
	session_begin(s, &live_op, l);
	session_send_log_start(s, boot->boot_id, boot->slot);
	live_pump(l);
}

/* --- the request ----------------------------------------------------------------- */

void session_log(struct session *s, const Kferry__Envelope *req)
{
	const Kferry__LogRequest *q = req->log_request;

	if (q->boot == 0)
		start_live(s, q);
	else if (q->follow)
		session_refuse(s, -EINVAL, KF_REASON_INVALID,
			       "only the log of the running boot can be followed");
	else
		session_kept_log(s, q);
}
