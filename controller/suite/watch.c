// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/suite/watch.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "controller/cancel.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/kmsg.h"
#include "proto/limits.h"
#include "proto/reason.h"

#define SETTLE_MS 300	      /* for what the last test set off */
#define BYTES_MAX (64u << 20) /* that are kept and looked at: a log that floods */
#define SKEW_US	  1000000     /* by which a record's time may be before the last one's */

void watch_init(struct watch *w, struct deploy *d, uint64_t since_us)
{
	_free_ char *path = strf("%s/dmesg", run_dir(d->run));

	*w = (struct watch){.d = d, .since_us = since_us, .fd = -1};
	w->rest.max = LIMIT_DATA + 2 * LIMIT_KMSG_RECORD;
	if (path)
		w->fd = fs_open_beneath(AT_FDCWD, path,
					O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (w->fd < 0)
		ui_warn(d->ui, "%s: the kernel's log is not kept: %s", d->board,
			path ? strerror(-w->fd) : "no memory");
}

void watch_fini(struct watch *w)
{
	watch_close(w);
	buf_fini(&w->rest);
	cleanup_close(&w->fd);
	w->fd = -1;
}

void watch_close(struct watch *w)
{
	client_close(TAKE_PTR(w->client));
	buf_reset(&w->rest);
}

int watch_fd(const struct watch *w)
{
	return w->client ? client_fd(w->client) : -1;
}

/* The first that is asked for: again some of those that were had, for the sake of later
 * ones with an earlier time. */
static uint64_t ask_from(const struct watch *w)
{
	uint64_t first = w->since_us + 1;

	return w->newest_us > first + SKEW_US ? w->newest_us - SKEW_US : first;
}

int watch_open(struct watch *w, struct kf_error *err)
{
	Kferry__LogRequest q = KFERRY__LOG_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(LOG_REQUEST, log_request, &q);
	deadline_ms deadline = deploy_deadline(w->d, "timeout.connect");
	const Kferry__Envelope *answer;
	int r;

	watch_close(w);
	q.follow = true;
	q.since_us = ask_from(w);
	r = client_open(w->d->cfg, w->d->board, deadline, &w->client, err);
	if (r == 0)
		r = client_call(w->client, &env, KFERRY__ENVELOPE__BODY_LOG_START,
				deadline, &answer, err);
	if (r == 0 && strcmp(client_hello(w->client)->boot_id,
			     client_hello(w->d->client)->boot_id) != 0)
		r = kf_err(err, -ECONNRESET, KF_REASON_CONNECTION,
			   "the board runs another boot");
	if (r < 0)
		watch_close(w);
	return r;
}

static int take_record(struct watch *w, struct attempt *a, const char *data, size_t n)
{
	struct kmsg_record rec;
	int r = 0;

	if (kmsg_parse(data, n, &rec) < 0 || rec.usec <= w->since_us ||
	    rec.seq < w->next_seq)
		return 0;
	if (rec.usec > w->newest_us)
		w->newest_us = rec.usec;
	if (w->next_seq && rec.seq > w->next_seq)
		w->lost += rec.seq - w->next_seq;
	w->next_seq = rec.seq + 1;
	if (w->fd >= 0)
		r = evidence_write_record(w->fd, &rec);
	return r < 0 ? r : attempt_record(a, data, n);
}

static int take_records(struct watch *w, struct attempt *a, bool end)
{
	int r = 0;
	size_t n;

	while (r == 0 && buf_len(&w->rest) > 0 &&
	       (n = kmsg_record_len((const char *)buf_data(&w->rest), buf_len(&w->rest),
				    end))) {
		r = take_record(w, a, (const char *)buf_data(&w->rest), n);
		buf_consume(&w->rest, n);
	}
	return r;
}

static int take_data(struct watch *w, struct attempt *a, const struct peer_event *ev,
		     struct kf_error *err)
{
	int r;

	w->bytes += ev->len;
	if (w->bytes > BYTES_MAX) {
		if (!w->full)
			ui_warn(w->d->ui,
				"%s: the kernel has logged more than %u MiB; the rest is "
				"not looked at",
				w->d->board, BYTES_MAX >> 20);
		w->full = true;
		return 0;
	}
	r = buf_append(&w->rest, ev->data, ev->len);
	/* Live, the last record is whole although none follows yet. */
	if (r == 0)
		r = take_records(w, a, true);
	return r < 0 ? kf_err(err, r, KF_REASON_IO, "keep the kernel's log: %m") : 0;
}

int watch_take(struct watch *w, struct attempt *a, struct kf_error *err)
{
	while (w->client) {
		struct kf_error why = {0};
		struct peer_event ev;
		int r = client_next(w->client, deadline_in(0), &ev, &why);

		if (r == -ETIMEDOUT)
			return 0;
		if (r == -ECANCELED) {
			*err = why;
			return r;
		}
		if (r < 0 || ev.type != PEER_DATA) {
			watch_close(w);
			return 0;
		}
		r = take_data(w, a, &ev, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int watch_settle(struct watch *w, struct attempt *a, struct kf_error *err)
{
	deadline_ms end = deadline_in(SETTLE_MS);
	int r;

	/* One that breaks now may be the board's death: another is its proof. */
	do {
		struct pollfd fds[2] = {{.events = POLLIN},
					{.fd = cancel_fd(), .events = POLLIN}};

		r = w->client ? 0 : watch_open(w, err);
		if (r == 0)
			r = watch_take(w, a, err);
		fds[0].fd = watch_fd(w);
		if (r == 0 && w->client)
			poll(fds, 2, deadline_left(end));
	} while (r == 0 && deadline_left(end));
	return r;
}
