// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The thread owns the console, the line stamps and a classifier; the lock guards what
 * others ask for.
 */
#include "controller/console/record.h"

#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#include "controller/console/console.h"
#include "controller/log/classifier.h"
#include "proto/base/fs.h"
#include "proto/base/thread.h"
#include "proto/reason.h"

struct record {
	struct record_opts o;
	pthread_t thread;
	bool runs;
	int wake; /* eventfd: something below changed */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* Under the lock: */
	bool stop, away, tried;
	int64_t away_at;
	struct record_stats stats;
	/* The thread's: */
	struct console *c;
	struct classifier *classifier;
	struct stamp stamp;
	int64_t heard; /* the last byte, or the opening */
	int64_t opened;
	deadline_ms next; /* attempt to open it */
	int pause;	  /* before the one after that */
	bool told_lost, told_full;
	unsigned fatal; /* findings that were told, or need not be */
	uint64_t raw_size, log_size;
};

static void say(struct record *r, enum record_event event, const char *text)
{
	if (r->o.say)
		r->o.say(r->o.arg, event, text);
}

/* --- files ---------------------------------------------------------------------- */

static void tell_full(struct record *r, const char *what)
{
	pthread_mutex_lock(&r->lock);
	r->stats.full = true;
	pthread_mutex_unlock(&r->lock);
	if (!r->told_full)
		say(r, RECORD_FULL, what);
	r->told_full = true;
}

/* As much as there is room for; returns how much that was. */
static size_t keep(struct record *r, int fd, uint64_t *size, const void *data, size_t n,
		   const char *what)
{
	size_t room = *size < r->o.limit ? (size_t)(r->o.limit - *size) : 0;
	size_t take = n < room ? n : room;
	int rc = take ? fs_write_all(fd, data, take) : 0;

	if (rc < 0) {
		tell_full(r, strerror(-rc));
		/* Half of it may be there: what follows would not fit to it. */
		*size = r->o.limit;
		return 0;
	}
	*size += take;
	if (take < n)
		tell_full(r, what);
	return take;
}

static void keep_lines(struct record *r, struct buf *lines)
{
	if (buf_len(lines))
		keep(r, r->o.log_fd, &r->log_size, buf_data(lines), buf_len(lines),
		     "console.log");
}

/* --- what is told ------------------------------------------------------------------ */

/* A start is no news here: after a reboot it is what is waited for. */
static void tell_fatal(struct record *r)
{
	struct findings *f = classifier_findings(r->classifier);
	unsigned n = 0;

	if (findings_number(f, SEVERITY_FATAL) == r->fatal)
		return;
	for (size_t i = 0; i < findings_count(f); i++) {
		const struct finding *it = findings_at(f, i);

		char text[FINDING_TITLE_MAX + 80];

		if (it->severity != SEVERITY_FATAL || ++n <= r->fatal ||
		    strcmp(it->class_name, "reboot") == 0)
			continue;
		snprintf(text, sizeof(text), "%s on the console: %s", it->class_name,
			 it->title);
		say(r, RECORD_FATAL, text);
	}
	r->fatal = n;
}

/* Returns ms until it would be silence; -1: never. */
static int look_for_silence(struct record *r)
{
	int64_t now = clock_now_ms(), since, left;
	bool tell = false;

	pthread_mutex_lock(&r->lock);
	since = r->heard > r->away_at ? r->heard : r->away_at;
	left = r->o.silence_ms - (now - since);
	if (!r->away || !r->c || !r->o.silence_ms || r->stats.silent)
		left = -1;
	else if (left <= 0)
		tell = r->stats.silent = true;
	if (tell) {
		r->stats.silent_ms = now - since;
		memcpy(r->stats.last, r->stamp.last, sizeof(r->stats.last));
		left = -1;
	}
	pthread_mutex_unlock(&r->lock);
	if (tell)
		say(r, RECORD_SILENT, r->stamp.last);
	return left > INT32_MAX ? INT32_MAX : (int)left;
}

/* --- the console ---------------------------------------------------------------------
 */

static int take(struct record *r, const struct console_data *d)
{
	_buf_ struct buf lines = BUF_INIT;
	size_t kept = keep(r, r->o.raw_fd, &r->raw_size, d->raw, d->raw_n, "console.raw");
	size_t text = kept;
	uint64_t size = r->stats.text; /* nobody else writes it */
	int rc;

	if (r->o.text_fd >= 0)
		text = keep(r, r->o.text_fd, &size, d->text, d->text_n, "console.txt");
	pthread_mutex_lock(&r->lock);
	r->heard = clock_now_ms();
	r->stats.bytes += d->raw_n;
	r->stats.dropped += d->raw_n - kept;
	r->stats.text += text;
	pthread_mutex_unlock(&r->lock);
	rc = stamp_feed(&r->stamp, stamp_now(), d->text, d->text_n, &lines);
	keep_lines(r, &lines);
	if (rc == 0)
		rc = classifier_text(r->classifier, d->text, d->text_n);
	tell_fatal(r);
	return rc;
}

static void note_open(struct record *r)
{
	bool again;

	pthread_mutex_lock(&r->lock);
	again = r->stats.opened;
	r->stats.open = r->stats.opened = r->tried = true;
	r->heard = r->opened = clock_now_ms();
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	if (r->told_lost)
		say(r, RECORD_BACK, "");
	else if (!again)
		say(r, RECORD_OPEN, "");
	r->told_lost = false;
}

static void note_lost(struct record *r, const struct kf_error *err)
{
	pthread_mutex_lock(&r->lock);
	r->stats.lost += r->stats.open;
	r->stats.open = false;
	r->tried = true;
	snprintf(r->stats.why, sizeof(r->stats.why), "%s", err->msg);
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	if (r->told_lost || r->stats.lost > RECORD_TELL_MAX)
		return;
	r->told_lost = true;
	say(r, RECORD_LOST, err->msg);
}

static void try_later(struct record *r)
{
	r->next = deadline_in(r->pause);
	r->pause = r->pause * 2 < RECORD_PAUSE_MAX ? r->pause * 2 : RECORD_PAUSE_MAX;
}

static void lose(struct record *r, int code)
{
	struct kf_error err = {0};

	if (console_failure(r->c, code, &err) == 0)
		kf_err(&err, -ECONNRESET, KF_REASON_CONNECTION, "its program has ended");
	console_close(r->c);
	r->c = NULL;
	note_lost(r, &err);
	if (clock_now_ms() - r->opened > RECORD_PAUSE_MAX)
		r->pause = RECORD_PAUSE_MIN;
	try_later(r);
}

static void open_it(struct record *r)
{
	struct kf_error err = {0};
	int rc = console_open(r->o.spec, r->o.who, deadline_in(RECORD_OPEN_MS), r->wake,
			      &r->c, &err);

	if (rc == 0) {
		note_open(r);
		return;
	}
	if (rc != -ECANCELED)
		note_lost(r, &err);
	try_later(r);
}

static void read_it(struct record *r)
{
	struct console_data d;
	int rc = console_read(r->c, &d);

	if (rc == -EAGAIN)
		return;
	if (rc == 1) {
		rc = take(r, &d);
		if (rc == 0)
			return;
	}
	lose(r, rc);
}

static bool is_stopped(struct record *r)
{
	uint64_t count;
	ssize_t n = read(r->wake, &count, sizeof(count));
	bool stop;

	(void)n;
	pthread_mutex_lock(&r->lock);
	stop = r->stop;
	pthread_mutex_unlock(&r->lock);
	return stop;
}

/* What has come is taken before the end. */
static void drain(struct record *r)
{
	struct console_data d;

	for (unsigned i = 0; r->c && i < 64; i++) {
		if (console_read(r->c, &d) != 1 || take(r, &d) < 0)
			break;
	}
}

static void *run(void *arg)
{
	struct record *r = arg;
	_buf_ struct buf lines = BUF_INIT;

	while (!is_stopped(r)) {
		struct pollfd p[2] = {{.fd = r->wake, .events = POLLIN},
				      {.fd = -1, .events = POLLIN}};
		int wait = look_for_silence(r);

		if (!r->c && !deadline_left(r->next)) {
			open_it(r);
			continue;
		}
		p[1].fd = r->c ? console_fd(r->c) : -1;
		if (!r->c)
			wait = deadline_left(r->next);
		if (poll(p, 2, wait) > 0 && p[1].revents)
			read_it(r);
	}
	drain(r);
	console_close(r->c);
	r->c = NULL;
	if (stamp_end(&r->stamp, &lines) == 0)
		keep_lines(r, &lines);
	return NULL;
}

int record_start(const struct record_opts *opts, struct record **ret)
{
	struct record *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return -ENOMEM;
	r->o = *opts;
	r->pause = RECORD_PAUSE_MIN;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->changed, NULL);
	r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = r->wake < 0 ? -errno : classifier_new(opts->patterns, &r->classifier);
	if (rc == 0)
		rc = classifier_source(r->classifier, "console", NULL);
	if (rc == 0)
		rc = thread_start(run, r, &r->thread);
	if (rc < 0) {
		record_free(r);
		return rc;
	}
	r->runs = true;
	*ret = r;
	return 0;
}

static void wake(struct record *r)
{
	uint64_t one = 1;
	ssize_t n = write(r->wake, &one, sizeof(one));

	(void)n;
}

bool record_wait_open(struct record *r, deadline_ms deadline)
{
	bool open;

	pthread_mutex_lock(&r->lock);
	while (!r->tried && deadline_left(deadline)) {
		struct timespec t;

		clock_gettime(CLOCK_REALTIME, &t);
		t.tv_nsec += 50000000;
		t.tv_sec += t.tv_nsec / 1000000000;
		t.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&r->changed, &r->lock, &t);
	}
	open = r->stats.open;
	pthread_mutex_unlock(&r->lock);
	return open;
}

void record_away(struct record *r, bool away)
{
	pthread_mutex_lock(&r->lock);
	r->away = away;
	r->away_at = clock_now_ms();
	pthread_mutex_unlock(&r->lock);
	wake(r);
}

void record_stats(struct record *r, struct record_stats *ret)
{
	pthread_mutex_lock(&r->lock);
	*ret = r->stats;
	pthread_mutex_unlock(&r->lock);
}

void record_stop(struct record *r)
{
	if (!r->runs)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_mutex_unlock(&r->lock);
	wake(r);
	pthread_join(r->thread, NULL);
	r->runs = false;
}

void record_free(struct record *r)
{
	if (!r)
		return;
	record_stop(r);
	classifier_free(r->classifier);
	stamp_fini(&r->stamp);
	cleanup_close(&r->wake);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
