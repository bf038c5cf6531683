/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/copy/said.h"

#include "proto/reason.h"
#include "proto/wire.h"

#define ERRORS_MAX 4096

static int keep_errors(struct buf *errors, const struct peer_event *ev)
{
	size_t room =
		errors && buf_len(errors) < ERRORS_MAX ? ERRORS_MAX - buf_len(errors) : 0;

	return room ? buf_append(errors, ev->data, ev->len < room ? ev->len : room) : 0;
}

int said(struct client *c, const char *const argv[], size_t max, unsigned limit_s,
	 deadline_ms deadline, struct buf *out, struct buf *errors, uint32_t *ret_status,
	 struct kf_error *err)
{
	Kferry__ExecRequest q = KFERRY__EXEC_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(EXEC_REQUEST, exec_request, &q);
	int r;

	while (argv[q.n_argv])
		q.n_argv++;
	q.argv = (char **)argv;
	q.timeout_s = limit_s;
	r = client_request(c, &env, deadline, err);
	if (r == 0)
		r = client_send_data(c, NULL, 0, FRAME_END, deadline, err);
	while (r == 0) {
		struct peer_event ev;
		int kept = 0;

		r = client_next(c, deadline, &ev, err);
		if (r < 0)
			return r;
		if (ev.type == PEER_DATA && (ev.flags & FRAME_STDERR)) {
			kept = keep_errors(errors, &ev);
		} else if (ev.type == PEER_DATA) {
			if (buf_len(out) + ev.len > max)
				return kf_err(err, -EFBIG, KF_REASON_INVALID,
					      "%s on the board gives more than %zu KiB",
					      argv[q.n_argv - 1], max >> 10);
			kept = buf_append(out, ev.data, ev.len);
		} else if (ev.env->body_case == KFERRY__ENVELOPE__BODY_EXIT) {
			*ret_status = ev.env->exit->status;
			return 0;
		} else {
			return kf_err(err, -EPROTO, KF_REASON_PROTOCOL,
				      "the agent answered with %s",
				      wire_body_name(ev.env));
		}
		if (kept < 0)
			return kf_err(err, kept, KF_REASON_NO_MEMORY, "no memory");
	}
	return r;
}
