/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/module/module_log.h"

#include <inttypes.h>
#include <poll.h>

#include "controller/cancel.h"
#include "proto/base/fs.h"
#include "proto/kmsg.h"
#include "proto/limits.h"
#include "proto/reason.h"

/* A driver's probe may go on in the background; what comes later is for `kferry dmesg`.
 */
#define SETTLE_MS 250
#define LOG_MAX	  (16u << 20) /* of a module that floods the log */

static int settle(struct kf_error *err)
{
	struct pollfd p = {.fd = cancel_fd(), .events = POLLIN};

	poll(&p, 1, SETTLE_MS);
	return atomic_load(cancel_flag())
		       ? kf_err(err, -ECANCELED, KF_REASON_CANCELLED, "cancelled")
		       : 0;
}

static enum ui_paint paint_of(unsigned level)
{
	return level <= 3 ? UI_RED : level == 4 ? UI_YELLOW : UI_PLAIN;
}

static void show(const struct module_log *l, const struct kmsg_record *r)
{
	ui_out_paint(l->ui, paint_of(r->level),
		     "           [%5" PRIu64 ".%06" PRIu64 "] %.*s\n", r->usec / 1000000,
		     r->usec % 1000000, (int)r->text_len, r->text);
	if (ui_is_json(l->ui))
		ui_json(l->ui,
			json_pack("{s:s, s:s, s:I, s:I, s:i, s:i, s:s%}", "event",
				  "record", "board", l->board, "usec",
				  (json_int_t)r->usec, "seq", (json_int_t)r->seq, "level",
				  (int)r->level, "facility", (int)r->facility, "text",
				  r->text, (size_t)r->text_len));
}

static int keep(const struct module_log *l, const struct kmsg_record *r)
{
	_buf_ struct buf line = BUF_INIT;
	int rc;

	if (l->fd < 0)
		return 0;
	rc = buf_printf(&line, "<%u>[%5" PRIu64 ".%06" PRIu64 "] ",
			r->facility * 8 + r->level, r->usec / 1000000, r->usec % 1000000);
	if (rc == 0)
		rc = buf_append(&line, r->text, r->text_len);
	if (rc == 0)
		rc = buf_append(&line, "\n", 1);
	return rc < 0 ? rc : fs_write_all(l->fd, buf_data(&line), buf_len(&line));
}

static int take_record(struct module_log *l, const char *data, size_t n)
{
	struct kmsg_record r;
	int rc;

	if (kmsg_parse(data, n, &r) < 0 || r.usec <= l->since_us)
		return 0;
	rc = keep(l, &r);
	if (r.facility != 0)
		return rc;
	l->records++;
	show(l, &r);
	return rc < 0 ? rc : classifier_kmsg(l->classifier, data, n);
}

static int take_records(struct module_log *l, struct buf *b, bool end)
{
	int rc = 0;
	size_t n;

	while (rc == 0 && buf_len(b) &&
	       (n = kmsg_record_len((const char *)buf_data(b), buf_len(b), end))) {
		rc = take_record(l, (const char *)buf_data(b), n);
		buf_consume(b, n);
	}
	return rc;
}

static int receive(struct module_log *l, struct kf_error *err)
{
	_buf_ struct buf records = {.max = LIMIT_DATA + 2 * LIMIT_KMSG_RECORD};
	struct peer_event ev;
	size_t total = 0;

	for (;;) {
		int rc = client_next(l->client, l->deadline, &ev, err);

		if (rc < 0)
			return rc;
		if (ev.type == PEER_ENVELOPE)
			return ev.env->body_case == KFERRY__ENVELOPE__BODY_DONE
				       ? 0
				       : kf_err(err, -EPROTO, KF_REASON_PROTOCOL,
						"the agent did not end the log as it "
						"should");
		total += ev.len;
		if (total > LOG_MAX)
			return kf_err(err, -EFBIG, KF_REASON_UNHEALTHY,
				      "the kernel has logged more than %u MiB since then",
				      LOG_MAX >> 20);
		rc = buf_append(&records, ev.data, ev.len);
		if (rc == 0)
			rc = take_records(l, &records, ev.flags & FRAME_END);
		if (rc < 0)
			return kf_err(err, rc, KF_REASON_IO, "keep the kernel's log: %m");
	}
}

int module_log_take(struct module_log *l, struct kf_error *err)
{
	Kferry__LogRequest q = KFERRY__LOG_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(LOG_REQUEST, log_request, &q);
	const Kferry__Envelope *answer;
	int rc = settle(err);

	if (rc < 0)
		return rc;
	if (classifier_source(l->classifier, "dmesg", NULL) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	q.since_us = l->since_us + 1;
	rc = client_call(l->client, &env, KFERRY__ENVELOPE__BODY_LOG_START, l->deadline,
			 &answer, err);
	if (rc == 0)
		rc = receive(l, err);
	if (classifier_end(l->classifier) < 0 && rc == 0)
		rc = kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	return rc;
}
