/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The profile's health checks: commands run on the board by its agent; all must exit 0.
 */
#include <string.h>

#include "controller/deploy/deploy_internal.h"
#include "controller/strf.h"
#include "proto/reason.h"

#define GRACE_MS   10000 /* the agent ends a check at its time and then answers */
#define OUTPUT_MAX 4096	 /* of a check, for the error text */

/* Keep the last OUTPUT_MAX bytes. */
static int keep_tail(struct buf *out, const void *data, size_t n)
{
	const uint8_t *p = data;

	if (n > OUTPUT_MAX) {
		p += n - OUTPUT_MAX;
		n = OUTPUT_MAX;
	}
	if (buf_len(out) + n > OUTPUT_MAX)
		buf_consume(out, buf_len(out) + n - OUTPUT_MAX);
	return buf_append(out, p, n);
}

static int run(struct deploy *d, char *const argv[], struct buf *out,
	       uint32_t *ret_status, struct kf_error *err)
{
	Kferry__ExecRequest q = KFERRY__EXEC_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(EXEC_REQUEST, exec_request, &q);
	int64_t limit = config_ms(d->cfg, d->board, "timeout.health");
	deadline_ms deadline = deadline_in(limit + GRACE_MS);
	int r;

	while (argv[q.n_argv])
		q.n_argv++;
	q.argv = (char **)argv;
	q.timeout_s = (uint32_t)((limit + 999) / 1000);
	r = client_request(d->client, &env, deadline, err);
	if (r == 0)
		r = client_send_data(d->client, NULL, 0, FRAME_END, deadline, err);
	while (r == 0) {
		struct peer_event ev;

		r = client_next(d->client, deadline, &ev, err);
		if (r < 0)
			return r;
		if (ev.type == PEER_DATA) {
			r = keep_tail(out, ev.data, ev.len);
			if (r < 0)
				return kf_err(err, r, KF_REASON_NO_MEMORY, "no memory");
			continue;
		}
		if (ev.env->body_case != KFERRY__ENVELOPE__BODY_EXIT)
			return kf_err(err, -EPROTO, KF_REASON_PROTOCOL,
				      "the agent answered a health check with %s",
				      wire_body_name(ev.env));
		*ret_status = ev.env->exit->status;
		return 0;
	}
	return r;
}

/* The last line that is not empty. */
static const char *last_line(struct buf *out)
{
	char *text = (char *)buf_str(out);
	char *nl;

	if (!text)
		return "";
	for (size_t n = strlen(text); n > 0 && text[n - 1] == '\n'; n--)
		text[n - 1] = '\0';
	nl = strrchr(text, '\n');
	return nl ? nl + 1 : text;
}

static int check(struct deploy *d, const char *line, struct kf_error *err)
{
	_buf_ struct buf out = BUF_INIT;
	_free_ char **argv = NULL;
	uint32_t status = 0;
	const char *said;
	int r = config_words(line, &argv);

	if (r < 0)
		return kf_err(err, r, KF_REASON_CONFIG,
			      "health.checks: a quote is not closed in: %s", line);
	if (!argv[0])
		return 0;
	ui_progress(d->ui, "health", d->board, 0, 0, line);
	r = run(d, argv, &out, &status, err);
	if (r < 0 && deploy_is_lost(err))
		return r;
	if (r == -ECANCELED)
		return r;
	if (r < 0) {
		err->reason = KF_REASON_UNHEALTHY;
		return kf_err_wrap(err, "health check failed: %s", line);
	}
	if (status == 0)
		return 0;
	said = last_line(&out);
	return kf_err(err, -EIO, KF_REASON_UNHEALTHY,
		      "health check failed: %s: exit status %u%s%.200s", line, status,
		      *said ? ": " : "", said);
}

int health_check(struct deploy *d, struct kf_error *err)
{
	const char *lines = config_get(d->cfg, d->board, "health.checks");
	unsigned done = 0;

	while (lines && *lines) {
		size_t n = strcspn(lines, "\n");
		_free_ char *line = strndup(lines, n);
		int r;

		if (!line)
			return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
		r = check(d, line, err);
		if (r < 0)
			return r;
		done++;
		lines += n + (lines[n] == '\n');
	}
	if (done > 0)
		run_set(d->run, "health_checks", json_integer(done));
	return 0;
}
