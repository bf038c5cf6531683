// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One attempt at a suite: its program runs on one connection, the kernel's log comes over
 * another, and what either brings goes to the attempt and to the run's directory.
 */
#include <string.h>

#include "controller/strf.h"
#include "controller/suite/boardcmd.h"
#include "controller/suite/testrun_internal.h"
#include "controller/suite/words.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define GRACE_MS   15000       /* for the agent's answer after its own time limit */
#define WATCH_MS   15000       /* a suite may be silent, its board not */
#define OUTPUT_MAX (64u << 20) /* that is kept in the run */
#define SHOWN_MAX  4096	       /* bytes that are shown at once */

/* Its own settings come from env(1), which all boards have; the shell is there for the
 * directory and for one stream of both outputs, in their order. */
static const char script[] = "cd \"$1\" && shift && exec env \"$@\" 2>&1";

int testdrive_words(struct testsuite *s, char *const words[], char ***ret)
{
	static const char *const head[] = {"sh", "-c", script, "sh"};
	const struct suitefile *f = &s->it->file;
	_words_ struct words w = {.n = 0};
	_free_ char **settings = NULL;
	_free_ char *dir = NULL;
	int r = suitefile_words(f, SUITEFILE_ENVIRONMENT, &s->values, &settings);

	if (r == 0)
		r = suitefile_text(f, SUITEFILE_DIRECTORY, &s->values, &dir);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(head); i++)
		r = words_add(&w, head[i]);
	if (r == 0)
		r = words_add(&w, dir ? dir : s->place ? s->place : "/");
	if (r == 0)
		r = words_add_all(&w, settings);
	if (r == 0)
		r = words_add_all(&w, words);
	return r < 0 ? r : words_block(&w, ret);
}

/* --- output ----------------------------------------------------------------------- */

struct output {
	struct testrun *t;
	int fd;
	uint64_t kept;
	struct buf line; /* that is not whole yet */
};

static void show_lines(struct output *o, const char *data, size_t n, bool end)
{
	if (ui_is_json(o->t->ui) || buf_append(&o->line, data, n) < 0)
		return;
	for (;;) {
		const char *at = (const char *)buf_data(&o->line);
		size_t len = buf_len(&o->line);
		const char *nl = len ? memchr(at, '\n', len) : NULL;
		size_t part = nl ? (size_t)(nl - at) : len;

		if (!nl && len < SHOWN_MAX && (!end || len == 0))
			return;
		ui_out(o->t->ui, "%.*s\n", (int)part, at);
		buf_consume(&o->line, part + (nl != NULL));
	}
}

static int keep(struct output *o, const void *data, size_t n)
{
	if (o->kept >= OUTPUT_MAX)
		return 0;
	if (o->kept + n > OUTPUT_MAX) {
		n = (size_t)(OUTPUT_MAX - o->kept);
		ui_warn(o->t->ui,
			"%s: the suite has printed more than %u MiB; the rest is read "
			"and not kept",
			o->t->d->board, OUTPUT_MAX >> 20);
	}
	o->kept += n;
	return fs_write_all(o->fd, data, n);
}

static int take_output(struct output *o, struct attempt *a, const struct peer_event *ev,
		       struct kf_error *err)
{
	int r = keep(o, ev->data, ev->len);

	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "keep the suite's output: %m");
	show_lines(o, (const char *)ev->data, ev->len, false);
	r = attempt_output(a, ev->data, ev->len);
	return r < 0 ? kf_err(err, r, KF_REASON_NO_MEMORY, "no memory") : 0;
}

/* --- the attempt ------------------------------------------------------------------ */

/* Until the program has ended: its status.  *ret_ours: what came is an error of this
 * side, which no look at the board explains. */
static int converse(struct output *o, struct attempt *a, deadline_ms deadline,
		    int *ret_status, bool *ret_ours, struct kf_error *err)
{
	struct testrun *t = o->t;

	for (;;) {
		struct peer_event ev = {.type = PEER_NOTHING};
		int r = watch_take(&t->watch, a, err);

		*ret_ours = r < 0;
		if (r == 0)
			r = client_next_or_fd(t->d->client, watch_fd(&t->watch), deadline,
					      &ev, err);
		if (r < 0)
			return r;
		if (ev.type == PEER_DATA) {
			r = take_output(o, a, &ev, err);
			*ret_ours = r < 0;
			if (r < 0)
				return r;
		}
		if (ev.type == PEER_ENVELOPE &&
		    ev.env->body_case == KFERRY__ENVELOPE__BODY_EXIT) {
			*ret_status = (int)ev.env->exit->status;
			return 0;
		}
	}
}

static int start(struct testsuite *s, char *const words[], int64_t limit,
		 struct kf_error *err)
{
	struct testrun *t = s->t;
	struct kf_error why = {0};
	_free_ char **argv = NULL;
	int r = testdrive_words(s, words, &argv);

	if (r < 0)
		return kf_err(err, r, KF_REASON_NO_MEMORY, "no memory");
	if (!t->watch.client && watch_open(&t->watch, &why) < 0)
		ui_warn(t->ui, "%s: the kernel's log is not watched: %s", t->d->board,
			why.msg);
	r = boardcmd_start(t->d->client, (const char *const *)argv, limit, err);
	if (r == 0)
		r = client_send_data(t->d->client, NULL, 0, FRAME_END,
				     deadline_in(GRACE_MS), err);
	if (r == 0)
		client_watch(t->d->client, WATCH_MS);
	return r;
}

static int64_t item_limit(const struct testsuite *s)
{
	return testplan_item_ms(s->t->plan, s->it);
}

/* What the error of the conversation says about the suite. */
static void classify(struct testsuite *s, deadline_ms deadline,
		     const struct kf_error *failed, struct attempt_end *ret)
{
	struct testrun *t = s->t;
	char took[16];

	if (failed->code == -ECANCELED) {
		*ret = (struct attempt_end){.how = ATTEMPT_CANCELLED,
					    .text = "it was interrupted"};
		testboard_interrupted(t);
		return;
	}
	if (failed->reason == KF_REASON_TIMEOUT && deadline_left(deadline)) {
		snprintf(t->why, sizeof(t->why), "it was ended at its limit of %s",
			 text_duration(item_limit(s), took));
		*ret = (struct attempt_end){.how = ATTEMPT_TIMED_OUT, .text = t->why};
		return;
	}
	if (!deploy_is_lost(failed) && failed->reason != KF_REASON_TIMEOUT) {
		snprintf(t->why, sizeof(t->why), "%.*s", (int)sizeof(t->why) - 1,
			 failed->msg);
		*ret = (struct attempt_end){.how = ATTEMPT_FAILED, .text = t->why};
		return;
	}
	testboard_find_out(t, failed->msg);
	*ret = (struct attempt_end){.how = t->died ? ATTEMPT_DIED
					   : t->reason == KF_REASON_CANCELLED
						   ? ATTEMPT_CANCELLED
						   : ATTEMPT_LOST,
				    .text = t->why};
}

/* What the kernel has to say on the last test; a board that dies now died of it. */
static int settle(struct testsuite *s, struct attempt *a, struct attempt_end *end,
		  struct kf_error *err)
{
	struct testrun *t = s->t;
	struct kf_error why = {0};
	int r = watch_settle(&t->watch, a, &why);

	if (r == 0)
		return 0;
	if (testboard_may_be_lost(&why)) {
		classify(s, 0, &(struct kf_error){-ECONNRESET, KF_REASON_CONNECTION, ""},
			 end);
		return 0;
	}
	*err = why;
	return r;
}

static int open_output(struct testsuite *s, unsigned number, struct output *o,
		       struct kf_error *err)
{
	_free_ char *name = number > 1 ? strf("%s/output.%u", s->dir, number)
				       : strf("%s/output", s->dir);

	*o = (struct output){.t = s->t, .fd = -1};
	if (!name)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	o->fd = run_create(s->t->d->run, name, err);
	return o->fd < 0 ? o->fd : 0;
}

int testdrive(struct testsuite *s, char *const words[], unsigned number,
	      struct attempt *a, struct attempt_end *ret_end, struct kf_error *err)
{
	int64_t limit = item_limit(s);
	deadline_ms deadline = deadline_in(limit + GRACE_MS);
	struct kf_error failed = {0};
	bool ours = false;
	struct output o;
	int status = 0;
	int r = open_output(s, number, &o, err);

	if (r < 0)
		return r;
	r = start(s, words, limit, &failed);
	if (r == 0)
		r = converse(&o, a, deadline, &status, &ours, &failed);
	show_lines(&o, "", 0, true);
	cleanup_close(&o.fd);
	buf_fini(&o.line);
	if (s->t->d->client)
		client_watch(s->t->d->client, 0);
	if (r < 0 && ours && r != -ECANCELED) {
		*err = failed;
		return r;
	}
	if (r < 0) {
		classify(s, deadline, &failed, ret_end);
		return 0;
	}
	*ret_end = (struct attempt_end){.how = ATTEMPT_EXITED, .status = status};
	return settle(s, a, ret_end, err);
}
