// SPDX-License-Identifier: GPL-2.0-or-later
/* As kferry exec, between descriptors. */
#include "controller/copy/remote.h"

#include <string.h>

#include "proto/base/fs.h"
#include "proto/limits.h"
#include "proto/reason.h"

#define BLOCK	 (64 * 1024)
#define WATCH_MS 15000
#define PIPE_MIN 4096 /* of input that the agent is rid of, whatever the program does */
#define SAID_MAX 4096

struct talk {
	const struct remote *r;
	struct client *client;
	uint8_t *block;
	int in;
	size_t sent;
	struct buf said; /* the newest of its errors */
};

static int pass_input(struct talk *t, struct kf_error *err)
{
	ssize_t n = read(t->in, t->block, BLOCK);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n < 0)
		return kf_err(err, -errno, KF_REASON_IO, "read: %m");
	if (n == 0 && t->r->whole && !t->r->whole(t->r->arg))
		return kf_err(err, -ECANCELED, KF_REASON_CANCELLED,
			      "what was to be sent ended early");
	if (n == 0)
		t->in = -1;
	t->sent += (size_t)n;
	if (t->sent > PIPE_MIN)
		client_watch(t->client, 0);
	return client_queue_data(t->client, t->block, (size_t)n, n ? 0 : FRAME_END, err);
}

static int pass_output(struct talk *t, const struct peer_event *ev, struct kf_error *err)
{
	int rc = 0;

	if (ev->flags & FRAME_STDERR) {
		size_t n = ev->len < SAID_MAX ? ev->len : SAID_MAX;

		if (buf_len(&t->said) + n > SAID_MAX)
			buf_consume(&t->said, buf_len(&t->said) + n - SAID_MAX);
		rc = buf_append(&t->said, ev->data + ev->len - n, n);
	} else if (t->r->keep) {
		rc = buf_append(t->r->keep, ev->data, ev->len);
	} else if (t->r->out >= 0) {
		rc = fs_write_all(t->r->out, ev->data, ev->len);
	}
	if (rc == -EMSGSIZE)
		return kf_err(
			err, rc, KF_REASON_INVALID,
			"%s on the board says more than the %zu bytes that are read",
			t->r->argv[0], t->r->keep->max);
	return rc < 0 ? kf_err(err, rc, KF_REASON_IO, "write: %m") : 0;
}

static int judge(struct talk *t, const Kferry__Exit *end, struct kf_error *err)
{
	const char *text = buf_str(&t->said), *line;
	size_t n = text ? strlen(text) : 0;

	if (!end->status)
		return 0;
	while (n && strchr("\r\n ", text[n - 1]))
		n--;
	line = n ? memrchr(text, '\n', n) : NULL;
	line = line ? line + 1 : text;
	if (!n)
		return kf_err(err, -EIO, KF_REASON_EXEC,
			      "%s on the board: exit status %u", t->r->argv[0],
			      end->status);
	return kf_err(err, -EIO, KF_REASON_EXEC, "on the board: %.*s",
		      (int)(text + n - line), line);
}

static int converse(struct talk *t, struct kf_error *err)
{
	for (;;) {
		struct peer_event ev;
		int rc = client_next_or_fd(t->client, t->in, DEADLINE_NEVER, &ev, err);

		if (rc == 0 && ev.type == PEER_NOTHING)
			rc = pass_input(t, err);
		else if (rc == 0 && ev.type == PEER_DATA)
			rc = pass_output(t, &ev, err);
		if (rc < 0)
			return rc;
		if (t->r->tick)
			t->r->tick(t->r->arg);
		if (ev.type == PEER_ENVELOPE &&
		    ev.env->body_case == KFERRY__ENVELOPE__BODY_EXIT)
			return judge(t, ev.env->exit, err);
	}
}

static int start(struct remote_board *b, Kferry__ExecRequest *q, struct kf_error *err)
{
	Kferry__Envelope request = CLIENT_ENVELOPE(EXEC_REQUEST, exec_request, q);
	deadline_ms deadline = deadline_in(config_ms(b->cfg, b->name, "timeout.connect"));
	int rc = 0;

	if (!b->client)
		rc = client_open_asking(b->cfg, b->name, deadline, &request, &b->client,
					err);
	return rc < 0 ? rc : client_request(b->client, &request, deadline, err);
}

int remote_run(struct remote_board *b, const struct remote *r, struct kf_error *err)
{
	Kferry__ExecRequest q = KFERRY__EXEC_REQUEST__INIT;
	_free_ uint8_t *block = malloc(BLOCK);
	struct talk t = {.r = r, .in = r->in, .block = block};
	int rc;

	if (!block)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	while (r->argv[q.n_argv])
		q.n_argv++;
	q.argv = (char **)r->argv;
	rc = start(b, &q, err);
	if (rc == 0) {
		t.client = b->client;
		client_watch(t.client, WATCH_MS);
		if (t.in < 0)
			rc = client_queue_data(t.client, NULL, 0, FRAME_END, err);
	}
	if (rc == 0)
		rc = converse(&t, err);
	buf_fini(&t.said);
	return rc;
}

void remote_board_fini(struct remote_board *b)
{
	client_close(b->client);
	b->client = NULL;
}
