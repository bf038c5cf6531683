/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/log/boardlog.h"

#include <string.h>

#include "proto/kmsg.h"
#include "proto/limits.h"
#include "proto/reason.h"

static int take(struct classifier *c, struct buf *b, bool end)
{
	int rc = 0;
	size_t n;

	while (rc == 0 && buf_len(b) &&
	       (n = kmsg_record_len((const char *)buf_data(b), buf_len(b), end))) {
		rc = classifier_kmsg(c, (const char *)buf_data(b), n);
		buf_consume(b, n);
	}
	return rc;
}

static int receive(struct client *client, struct classifier *c, struct kf_error *err)
{
	_buf_ struct buf records = {.max = LIMIT_DATA + 2 * LIMIT_KMSG_RECORD};
	deadline_ms all = deadline_in(BOARDLOG_ALL_MS);
	struct peer_event ev;

	for (;;) {
		deadline_ms stall = deadline_in(BOARDLOG_STALL_MS);
		int rc;

		if (!deadline_left(all))
			return kf_err(err, -ETIMEDOUT, KF_REASON_TIMEOUT,
				      "the board's log did not end in %d minutes",
				      BOARDLOG_ALL_MS / 60000);
		rc = client_next(client, stall < all ? stall : all, &ev, err);
		if (rc < 0)
			return rc;
		if (ev.type == PEER_ENVELOPE &&
		    ev.env->body_case == KFERRY__ENVELOPE__BODY_DONE)
			return 0;
		if (ev.type != PEER_DATA)
			continue;
		rc = buf_append(&records, ev.data, ev.len);
		if (rc == 0)
			rc = take(c, &records, ev.flags & FRAME_END);
		if (rc < 0)
			return kf_err(err, rc, KF_REASON_PROTOCOL,
				      "look at the board's log: %m");
	}
}

static int ask(struct client *client, int boot, const char *slot, deadline_ms deadline,
	       struct kf_error *err)
{
	Kferry__LogRequest q = KFERRY__LOG_REQUEST__INIT;
	Kferry__Envelope request = CLIENT_ENVELOPE(LOG_REQUEST, log_request, &q);
	const Kferry__Envelope *answer;
	int rc;

	q.boot = boot;
	rc = client_call(client, &request, KFERRY__ENVELOPE__BODY_LOG_START, deadline,
			 &answer, err);
	if (rc == 0 && slot && strcmp(answer->log_start->slot, slot) != 0)
		rc = kf_err(err, -ESTALE, KF_REASON_INVALID,
			    "boot %d was of slot %s, and not of %s", boot,
			    *answer->log_start->slot ? answer->log_start->slot : "none",
			    slot);
	return rc;
}

int boardlog_read(struct client *client, int boot, const char *slot, struct classifier *c,
		  deadline_ms deadline, struct kf_error *err)
{
	int rc;

	if (classifier_source(c, "dmesg", NULL) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	rc = ask(client, boot, slot, deadline, err);
	if (rc == 0)
		rc = receive(client, c, err);
	if (classifier_end(c) < 0 && rc == 0)
		rc = kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (rc == 0 && classifier_lines(c) == 0)
		rc = kf_err(err, -ENODATA, KF_REASON_INVALID,
			    "the log of that boot is empty: there is nothing to look at");
	return rc;
}
