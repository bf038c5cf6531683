// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/suite/boardcmd.h"

#include <string.h>

#include "proto/reason.h"

#define GRACE_MS 15000 /* the agent ends it at its time, and then answers */

int boardcmd_start(struct client *c, const char *const argv[], int64_t timeout_ms,
		   struct kf_error *err)
{
	Kferry__ExecRequest q = KFERRY__EXEC_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(EXEC_REQUEST, exec_request, &q);

	while (argv[q.n_argv])
		q.n_argv++;
	q.argv = (char **)argv;
	q.timeout_s = (uint32_t)((timeout_ms + 999) / 1000);
	return client_request(c, &env, deadline_in(timeout_ms + GRACE_MS), err);
}

static int keep_tail(struct buf *out, const void *data, size_t n)
{
	const uint8_t *p = data;

	if (n > BOARDCMD_OUTPUT) {
		p += n - BOARDCMD_OUTPUT;
		n = BOARDCMD_OUTPUT;
	}
	if (buf_len(out) + n > BOARDCMD_OUTPUT)
		buf_consume(out, buf_len(out) + n - BOARDCMD_OUTPUT);
	return buf_append(out, p, n);
}

int boardcmd_finish(struct client *c, int64_t timeout_ms, struct buf *out,
		    int *ret_status, struct kf_error *err)
{
	deadline_ms deadline = deadline_in(timeout_ms + GRACE_MS);

	for (;;) {
		struct peer_event ev;
		int r = client_next(c, deadline, &ev, err);

		if (r < 0)
			return r;
		if (ev.type == PEER_DATA) {
			r = out ? keep_tail(out, ev.data, ev.len) : 0;
			if (r < 0)
				return kf_err(err, r, KF_REASON_NO_MEMORY, "no memory");
			continue;
		}
		if (ev.env->body_case != KFERRY__ENVELOPE__BODY_EXIT)
			return kf_err(err, -EPROTO, KF_REASON_PROTOCOL,
				      "the agent answered a command with %s",
				      wire_body_name(ev.env));
		*ret_status = (int)ev.env->exit->status;
		return 0;
	}
}

int boardcmd_run(struct client *c, const char *const argv[], int64_t timeout_ms,
		 struct buf *out, int *ret_status, struct kf_error *err)
{
	int r = boardcmd_start(c, argv, timeout_ms, err);

	if (r == 0)
		r = client_send_data(c, NULL, 0, FRAME_END,
				     deadline_in(timeout_ms + GRACE_MS), err);
	return r < 0 ? r : boardcmd_finish(c, timeout_ms, out, ret_status, err);
}

const char *boardcmd_last_line(struct buf *out)
{
	char *text = (char *)buf_str(out), *nl;

	if (!text)
		return "";
	for (size_t n = strlen(text); n > 0 && text[n - 1] == '\n'; n--)
		text[n - 1] = '\0';
	nl = strrchr(text, '\n');
	return nl ? nl + 1 : text;
}

int boardcmd_check(struct client *c, const char *const argv[], int64_t timeout_ms,
		   const char *what, struct kf_error *err)
{
	_buf_ struct buf out = BUF_INIT;
	int status = 0;
	int r = boardcmd_run(c, argv, timeout_ms, &out, &status, err);
	const char *said;

	if (r < 0)
		return kf_err_wrap(err, "%s", what);
	if (status == 0)
		return 0;
	said = boardcmd_last_line(&out);
	return kf_err(err, -EIO, KF_REASON_EXEC,
		      "%s: %s on the board: exit status %d%s%.300s", what, argv[0],
		      status, *said ? ": " : "", said);
}
