// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How an attempt ended decides what becomes of the test that ran: the readers of results
 * leave it as ERROR, of which nothing is known; here it is known.
 */
#include "controller/suite/attempt.h"

#include <string.h>

#include "controller/results/reader.h"
#include "proto/reason.h"
#include "proto/text.h"

static bool is_exit(const struct attempt *a)
{
	return strcmp(a->format, "exit") == 0;
}

int attempt_init(struct attempt *a, const char *name, const char *format, int skip_status,
		 struct classifier *c)
{
	enum reader_format which = READER_KTAP;

	*a = (struct attempt){.name = name,
			      .format = format,
			      .skip_status = skip_status,
			      .classifier = c,
			      .first_line = classifier_lines(c)};
	if (!is_exit(a) && reader_format(format, &which) < 0)
		return -EINVAL;
	return reader_new(name, which, &a->reader);
}

void attempt_fini(struct attempt *a)
{
	reader_free(a->reader);
	free(a->ended);
	*a = (struct attempt){.name = NULL};
}

/* Tests that ended since the last look ended at this line of the kernel's log. */
static int note_ended(struct attempt *a)
{
	size_t n = reader_suite(a->reader)->n;

	if (n > a->room) {
		size_t room = n + n / 2 + 16;
		uint64_t *more = reallocarray(a->ended, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		a->ended = more;
		a->room = room;
	}
	while (a->n_ended < n)
		a->ended[a->n_ended++] = classifier_lines(a->classifier);
	return 0;
}

int attempt_output(struct attempt *a, const void *data, size_t n)
{
	int r = reader_feed(a->reader, data, n);

	return r < 0 ? r : note_ended(a);
}

int attempt_record(struct attempt *a, const char *data, size_t n)
{
	return classifier_kmsg(a->classifier, data, n);
}

/* --- the end ------------------------------------------------------------------------ */

static int add(struct suite_run *s, const char *name, enum test_status status,
	       const char *text)
{
	struct test_result *t;
	int r = suite_add(s, name, strlen(name), status, &t);

	if (r < 0)
		return r == -ENOSPC ? 0 : r;
	return text ? suite_set_text(t, "%s", text) : 0;
}

/* The program is the only test, and its exit status the result. */
static int judge_status(const struct attempt *a, const struct attempt_end *end,
			struct suite_run *s)
{
	char text[64];

	snprintf(text, sizeof(text), "exit status %d", end->status);
	if (end->how != ATTEMPT_EXITED)
		return 0;
	if (end->status == 0)
		return add(s, a->name, TEST_PASS, NULL);
	/* As shells and env(1) have it; nothing was tested. */
	if (end->status == 126 || end->status == 127)
		return add(s, a->name, TEST_ERROR,
			   end->status == 126 ? "exit status 126: it cannot be started"
					      : "exit status 127: it is not there");
	return add(s, a->name, end->status == a->skip_status ? TEST_SKIP : TEST_FAIL,
		   text);
}

/* Did a test fail that a runner tells by its exit status? */
static bool has_failed(const struct suite_run *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (test_status_is_bad(s->tests[i].status) ||
		    s->tests[i].status == TEST_XFAIL)
			return true;
	}
	return false;
}

/* The runner says that something went wrong, and no test does. */
static int judge_runner(const struct attempt *a, const struct attempt_end *end,
			struct suite_run *s)
{
	char text[64];

	if (end->how != ATTEMPT_EXITED || end->status == 0 || has_failed(s))
		return 0;
	if (!is_exit(a))
		return suite_problem(s, 0, true,
				     "the suite ended with exit status %d, and no test "
				     "of it failed",
				     end->status);
	snprintf(text, sizeof(text), "exit status %d, and no test of it failed",
		 end->status);
	return add(s, a->name, TEST_FAIL, text);
}

/* What ran when it was ended; where that is not known, the suite itself. */
static int judge_running(const struct attempt *a, const struct attempt_end *end,
			 struct suite_run *s)
{
	bool failed = end->how == ATTEMPT_TIMED_OUT || end->how == ATTEMPT_DIED;
	enum test_status status = failed ? TEST_FAIL : TEST_ERROR;

	if (end->how == ATTEMPT_EXITED)
		return 0;
	s->cut = true;
	if (s->running == SUITE_PARENT) {
		size_t before = s->n;
		int r = add(s, a->name, status, end->text);

		if (s->n > before)
			s->running = before;
		return r;
	}
	/* What holds it says what is wrong below it, once the suite is settled. */
	s->tests[s->running].status = status;
	return suite_set_text(&s->tests[s->running], "%s", end->text);
}

/* A program that printed no results is none of KTAP. */
static int drop_results(struct attempt *a, struct suite_run *s)
{
	suite_fini(s);
	return suite_init(s, a->name, "exit");
}

int attempt_end(struct attempt *a, const struct attempt_end *end, struct suite_run *ret,
		struct kf_error *err)
{
	bool plain = is_exit(a) && !reader_is_sure(a->reader);
	struct suite_run s = {.running = SUITE_PARENT};
	int r = classifier_end(a->classifier);

	if (r == 0)
		r = reader_end(a->reader, &s, err);
	if (r == 0)
		r = plain ? drop_results(a, &s) : 0;
	if (r == 0)
		r = plain ? judge_status(a, end, &s) : judge_runner(a, end, &s);
	if (r == 0)
		r = judge_running(a, end, &s);
	if (r == 0)
		r = suite_settle(&s);
	if (r < 0) {
		suite_fini(&s);
		return kf_err(err, r, KF_REASON_NO_MEMORY, "read test results: %m");
	}
	*ret = s;
	return 0;
}

/* --- findings ----------------------------------------------------------------------- */

/* The test that ended first after that line of the log. */
static const char *test_at(const struct attempt *a, const struct suite_run *s,
			   uint64_t line)
{
	size_t i = 0;

	while (i < a->n_ended && a->ended[i] < line)
		i++;
	return i < s->n ? s->tests[i].name : NULL;
}

/* What is shown of a log is plain. */
static char *plain(const char *s)
{
	_buf_ struct buf b = BUF_INIT;

	return text_escape(&b, s, strlen(s), false) == 0 && buf_str(&b)
		       ? strdup(buf_str(&b))
		       : NULL;
}

int attempt_findings(const struct attempt *a, const struct suite_run *s,
		     struct attempt_finding **ret, size_t *ret_n)
{
	const struct findings *all = classifier_findings(a->classifier);
	size_t most = findings_count(all), n = 0;
	struct attempt_finding *list = calloc(most + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < most; i++) {
		const struct finding *f = findings_at(all, i);
		const char *test = test_at(a, s, f->source_line);

		if (f->source_line <= a->first_line)
			continue;
		list[n] = (struct attempt_finding){.test = test ? strdup(test) : NULL,
						   .class_name = plain(f->class_name),
						   .title = plain(f->title),
						   .severity = f->severity};
		n++;
		if (!list[n - 1].class_name || !list[n - 1].title ||
		    (test && !list[n - 1].test)) {
			attempt_findings_free(list, n);
			return -ENOMEM;
		}
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

void attempt_findings_free(struct attempt_finding *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(f[i].test);
		free(f[i].class_name);
		free(f[i].title);
	}
	free(f);
}

int attempt_blame(struct suite_run *s, const char *test, const char *fmt, ...)
{
	struct test_result *t = NULL;
	char text[SUITE_TEXT];
	va_list ap;
	int r = 0;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (size_t i = 0; test && !t && i < s->n; i++) {
		if (strcmp(s->tests[i].name, test) == 0)
			t = &s->tests[i];
	}
	if (!t) {
		const char *name = test ? test : "kernel log";

		r = suite_add(s, name, strlen(name), TEST_FAIL, &t);
		if (r < 0)
			return r == -ENOSPC ? 0 : r;
	}
	/* The first is what it failed for. */
	if (t->status != TEST_FAIL || !t->text)
		r = suite_set_text(t, "%s", text);
	t->status = TEST_FAIL;
	return r < 0 ? r : suite_settle(s);
}
