// SPDX-License-Identifier: GPL-2.0-or-later
/* Around a suite: programs that the board must have, files that go there before, files
 * that are fetched afterwards, what is cleaned up. */
#include <string.h>

#include "controller/strf.h"
#include "controller/suite/boardcmd.h"
#include "controller/suite/suitepush.h"
#include "controller/suite/testrun_internal.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define SMALL_MS  60000 /* for the small programs */
#define FILES_MS  300000
#define FETCH_MAX (256u << 20) /* bytes of the files that are fetched */

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

static int find_place(struct testsuite *s, struct kf_error *err)
{
	struct testrun *t = s->t;
	int r = testplan_source(t->plan, t->d->cfg, t->d->board, s->it, &s->from, err);

	/* What is not pushed is there already, if it is anywhere. */
	if (r < 0 || (!s->from && !s->it->file.value[SUITEFILE_PUSH_TO]))
		return r;
	s->place = testplan_place(s->it);
	if (!s->place)
		return no_memory(err);
	s->values.dir = s->place;
	return 0;
}

/* Is it one of the files that are pushed? */
static bool is_pushed(const struct testsuite *s, const char *program)
{
	size_t n = s->place ? strlen(s->place) : 0;

	return s->from && strncmp(program, s->place, n) == 0 && program[n] == '/';
}

/* Missing programs are told by their names, all of them. */
static int look_for(struct testsuite *s, const char *const programs[], size_t n,
		    struct kf_error *err)
{
	static const char script[] =
		"for p do command -v \"$p\" >/dev/null 2>&1 || echo \"$p\"; "
		"done";
	_free_ const char **argv = calloc(n + 5, sizeof(*argv));
	_buf_ struct buf out = BUF_INIT;
	int status = 0, r;
	char *missing;

	if (!argv)
		return no_memory(err);
	memcpy(argv, (const char *[]){"sh", "-c", script, "sh"}, 4 * sizeof(*argv));
	memcpy(argv + 4, programs, n * sizeof(*argv));
	r = boardcmd_run(s->t->d->client, argv, SMALL_MS, &out, &status, err);
	missing = r == 0 ? (char *)buf_str(&out) : NULL;
	if (r < 0 || !missing || !*missing)
		return r;
	for (char *p = missing; *p; p++) {
		if (*p == '\n')
			*p = p[1] ? ' ' : '\0';
	}
	return kf_err(err, -ENOENT, KF_REASON_EXEC, "the board lacks programs: %.300s",
		      missing);
}

/* Those that are pushed, or those that are not. */
static int check_programs(struct testsuite *s, bool pushed, struct kf_error *err)
{
	_free_ char **words = NULL;
	size_t n = 0;

	if (suitefile_words(&s->it->file, SUITEFILE_PROGRAMS, &s->values, &words) < 0)
		return no_memory(err);
	for (size_t i = 0; words && words[i]; i++) {
		if (is_pushed(s, words[i]) == pushed)
			words[n++] = words[i];
	}
	return n ? look_for(s, (const char *const *)words, n, err) : 0;
}

static int push(struct testsuite *s, struct kf_error *err)
{
	struct testrun *t = s->t;
	struct suitepush p = {.board = t->d->board,
			      .from = s->from,
			      .to = s->place,
			      .timeout_ms = FILES_MS};
	int64_t began = clock_now_ms();
	json_t *fields;
	char size[16];
	int r;

	if (!s->from)
		return 0;
	r = suitepush(&p, t->d->client, t->ui, err);
	if (r < 0)
		return r;
	fields = json_pack("{s:s, s:I, s:I, s:b}", "suite", s->it->name, "files",
			   (json_int_t)p.files, "bytes", (json_int_t)p.bytes, "already",
			   (int)p.already);
	ui_step(t->ui, "push", t->d->board, clock_now_ms() - began, fields,
		p.already ? "%s: all of its %zu files are there"
			  : "%s: %zu files, %s sent",
		s->it->name, p.files, text_bytes(p.bytes, size));
	return 0;
}

int testaround_prepare(struct testsuite *s, struct kf_error *err)
{
	int r = find_place(s, err);

	if (r == 0)
		r = check_programs(s, false, err);
	if (r == 0)
		r = push(s, err);
	return r == 0 ? check_programs(s, true, err) : r;
}

static int receive(struct testsuite *s, int fd, int *ret_status, struct kf_error *err)
{
	deadline_ms deadline = deadline_in(FILES_MS);
	uint64_t bytes = 0;

	for (;;) {
		struct peer_event ev;
		int r = client_next(s->t->d->client, deadline, &ev, err);

		if (r < 0)
			return r;
		if (ev.type == PEER_ENVELOPE) {
			*ret_status = ev.env->body_case == KFERRY__ENVELOPE__BODY_EXIT
					      ? (int)ev.env->exit->status
					      : -1;
			return 0;
		}
		if (ev.flags & FRAME_STDERR)
			continue;
		bytes += ev.len;
		if (bytes > FETCH_MAX)
			return kf_err(err, -EFBIG, KF_REASON_INVALID,
				      "they are more than %u MiB", FETCH_MAX >> 20);
		r = fs_write_all(fd, ev.data, ev.len);
		if (r < 0)
			return kf_err(err, r, KF_REASON_IO, "write files.tar: %m");
	}
}

/* results.fetch, as one tar: what is in it is the board's, and not unpacked here. */
static int fetch(struct testsuite *s, struct kf_error *err)
{
	_free_ char **paths = NULL;
	_free_ const char **argv = NULL;
	_free_ char *name = strf("%s/files.tar", s->dir);
	_close_ int fd = -1;
	size_t n = 0;
	int status = 0, r;

	if (!name ||
	    suitefile_words(&s->it->file, SUITEFILE_FETCH, &s->values, &paths) < 0)
		return no_memory(err);
	while (paths[n])
		n++;
	argv = calloc(n + 7, sizeof(*argv));
	if (!argv)
		return no_memory(err);
	memcpy(argv,
	       (const char *[]){"tar", "-c", "-f", "-", "-C", s->place ? s->place : "/"},
	       6 * sizeof(*argv));
	memcpy(argv + 6, paths, n * sizeof(*argv));
	fd = run_create(s->t->d->run, name, err);
	if (fd < 0)
		return fd;
	r = boardcmd_start(s->t->d->client, argv, FILES_MS, err);
	if (r == 0)
		r = client_send_data(s->t->d->client, NULL, 0, FRAME_END,
				     deadline_in(FILES_MS), err);
	if (r == 0)
		r = receive(s, fd, &status, err);
	if (r == 0 && status != 0)
		r = kf_err(err, -EIO, KF_REASON_EXEC, "tar: exit status %d", status);
	return r;
}

static int clean(struct testsuite *s, struct kf_error *err)
{
	_free_ char **words = NULL, **argv = NULL;

	if (suitefile_words(&s->it->file, SUITEFILE_CLEAN, &s->values, &words) < 0 ||
	    testdrive_words(s, words, &argv) < 0)
		return no_memory(err);
	return boardcmd_check(s->t->d->client, (const char *const *)argv, SMALL_MS,
			      "clean up", err);
}

/* A program here may be the one that ends the board; and after most errors the connection
 * is in the middle of an answer. */
static void look_again(struct testsuite *s, const struct kf_error *why)
{
	struct testrun *t = s->t;
	struct kf_error err = {0};

	if (why->reason == KF_REASON_EXEC)
		return;
	if (why->reason == KF_REASON_CANCELLED) {
		testboard_interrupted(t);
		return;
	}
	client_close(TAKE_PTR(t->d->client));
	if (deploy_connect(t->d, &err) < 0 ||
	    strcmp(client_hello(t->d->client)->boot_id, t->boot_id) != 0)
		testboard_find_out(t, why->msg);
}

void testaround_finish(struct testsuite *s)
{
	struct kf_error err = {0};

	if (!testrun_is_over(s->t) && s->it->file.value[SUITEFILE_FETCH] &&
	    fetch(s, &err) < 0) {
		ui_warn(s->t->ui, "%s: the files of %s could not be fetched: %s",
			s->t->d->board, s->it->name, err.msg);
		look_again(s, &err);
	}
	if (!testrun_is_over(s->t) && s->it->file.value[SUITEFILE_CLEAN] &&
	    clean(s, &err) < 0) {
		ui_warn(s->t->ui, "%s: %s: %s", s->t->d->board, s->it->name, err.msg);
		look_again(s, &err);
	}
}
