// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/tracing/tracecall.h"

#include <string.h>

#include "controller/cancel.h"
#include "controller/client.h"
#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/tracerec.h"

/* The agent's own program, whatever its name and place on the board. */
#define AGENT	 "/proc/self/exe"
#define WATCH_MS 15000 /* a trace may be silent, its board not */
#define STOP_MS	 20000 /* for what is left, once it was told to end */
#define STALL_MS 60000 /* what is not a trace must go on coming */
#define SAID_MAX 4096

struct talk {
	const struct tracecall *call;
	struct client *client;
	struct buf records, said;
	struct tracecall_end end;
	int stop_fd; /* -1: nothing stops it, or it was stopped */
	bool stopped, over;
	deadline_ms deadline;
};

/* --- the conversation ----------------------------------------------------------------
 */

static int take_note(struct talk *t, const struct tracerec *r, struct kf_error *err)
{
	_free_ char *text = NULL;

	if (!t->call->note)
		return 0;
	text = strndup(r->data, r->len);
	if (!text)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	t->call->note(t->call->arg, text);
	return 0;
}

static int take_record(struct talk *t, const struct tracerec *r, struct kf_error *err)
{
	const struct tracecall *c = t->call;

	switch (r->type) {
	case TRACEREC_TEXT:
		return c->text ? c->text(c->arg, r->data, r->len, err) : 0;
	case TRACEREC_OUT:
	case TRACEREC_ERR:
		if (c->output)
			c->output(c->arg, r->type == TRACEREC_ERR, r->data, r->len);
		return 0;
	case TRACEREC_NOTE:
		return take_note(t, r, err);
	case TRACEREC_FAILED:
		return kf_err(err, -EIO, (int)r->reason, "%.*s", (int)r->len, r->data);
	case TRACEREC_END:
		t->over = true;
		t->end.lost = r->lost;
		t->end.counted = r->flags & TRACEREC_COUNTED;
		t->end.status = r->flags & TRACEREC_COMMAND ? (int)(r->status & 255) : 0;
		return 0;
	default:
		return 0;
	}
}

static int take_records(struct talk *t, struct kf_error *err)
{
	struct tracerec r;
	int rc = 0;

	while (rc == 0 && !t->over) {
		rc = tracerec_next(&t->records, &r);
		if (rc < 0)
			return kf_err(err, rc, KF_REASON_PROTOCOL,
				      "what the board answers is no record of a trace");
		if (r.type == TRACEREC_NOTHING)
			break;
		rc = take_record(t, &r, err);
		buf_consume(&t->records, r.used);
	}
	return rc;
}

static int take_data(struct talk *t, const struct peer_event *ev, struct kf_error *err)
{
	size_t room = SAID_MAX - buf_len(&t->said);
	int rc;

	if (ev->flags & FRAME_STDERR)
		rc = buf_append(&t->said, ev->data, ev->len < room ? ev->len : room);
	else
		rc = buf_append(&t->records, ev->data, ev->len);
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_PROTOCOL, "the board's answer: %m");
	return take_records(t, err);
}

/* It ended, and the last record did not say how. */
static int judge(struct talk *t, const Kferry__Exit *end, struct kf_error *err)
{
	const char *said = buf_str(&t->said);

	if (t->over)
		return 0;
	if (end->status == 64 && said && strstr(said, "no command trace"))
		return kf_err(err, -EOPNOTSUPP, KF_REASON_UNSUPPORTED,
			      "the agent there cannot trace yet; `kferry board setup` "
			      "brings it up to date");
	if (said && *said)
		return kf_err(err, -EIO, KF_REASON_EXEC, "on the board: %.*s",
			      (int)strcspn(said, "\r\n"), said);
	return kf_err(err, -EIO, KF_REASON_EXEC,
		      "the trace ended early on the board, with exit status %u",
		      end->status);
}

/* The end of its input is how it is told. */
static int stop(struct talk *t, struct kf_error *err)
{
	t->stopped = true;
	t->stop_fd = -1;
	t->deadline = deadline_in(STOP_MS);
	return client_queue_data(t->client, NULL, 0, FRAME_END, err);
}

static int converse(struct talk *t, struct kf_error *err)
{
	for (;;) {
		struct peer_event ev;
		deadline_ms deadline =
			t->call->stoppable ? t->deadline : deadline_in(STALL_MS);
		int rc = client_next_or_fd(t->client, t->stop_fd, deadline, &ev, err);

		if (rc == 0 && ev.type == PEER_NOTHING)
			rc = stop(t, err);
		else if (rc == 0 && ev.type == PEER_DATA)
			rc = take_data(t, &ev, err);
		if (rc < 0)
			return rc;
		if (ev.type == PEER_ENVELOPE &&
		    ev.env->body_case == KFERRY__ENVELOPE__BODY_EXIT)
			return judge(t, ev.env->exit, err);
	}
}

static int ask(struct talk *t, struct kf_error *err)
{
	const struct tracecall *c = t->call;
	const char *argv[LIMIT_ARGV] = {AGENT, "trace"};
	Kferry__ExecRequest q = KFERRY__EXEC_REQUEST__INIT;
	Kferry__Envelope request = CLIENT_ENVELOPE(EXEC_REQUEST, exec_request, &q);
	deadline_ms deadline =
		deadline_in(config_ms(c->cfg, c->board, "timeout.connect"));
	int rc;

	for (q.n_argv = 2; c->words[q.n_argv - 2]; q.n_argv++) {
		if (q.n_argv == LIMIT_ARGV)
			return kf_err(err, -E2BIG, KF_REASON_USAGE,
				      "this is more than %d words for the board",
				      LIMIT_ARGV);
		argv[q.n_argv] = c->words[q.n_argv - 2];
	}
	q.argv = (char **)argv;
	rc = client_open_asking(c->cfg, c->board, deadline, &request, &t->client, err);
	return rc < 0 ? rc : client_request(t->client, &request, deadline, err);
}

int tracecall_run(const struct tracecall *call, struct tracecall_end *ret,
		  struct kf_error *err)
{
	struct talk t = {.call = call, .stop_fd = -1, .deadline = DEADLINE_NEVER};
	int rc;

	t.records.max = LIMIT_DATA + 2 * LIMIT_TRACE_RECORD;
	rc = ask(&t, err);
	if (rc == 0 && call->stoppable) {
		t.stop_fd = cancel_gently();
		if (t.stop_fd < 0)
			rc = kf_err(err, t.stop_fd, KF_REASON_IO, "watch for Ctrl-C: %m");
	}
	if (rc == 0) {
		client_watch(t.client, WATCH_MS);
		rc = converse(&t, err);
	}
	/* On a terminal Ctrl-C ends a link's program, too. */
	if (rc < 0 && t.stopped && err->reason == KF_REASON_CONNECTION) {
		*err = (struct kf_error){0};
		t.end.cut = true;
		rc = 0;
	}
	client_close(t.client);
	buf_fini(&t.records);
	buf_fini(&t.said);
	if (rc == 0)
		*ret = t.end;
	return rc;
}
