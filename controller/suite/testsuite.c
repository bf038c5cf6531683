// SPDX-License-Identifier: GPL-2.0-or-later
/* One suite of a plan: what it needs, its attempts, what became of its tests. */
#include <string.h>

#include "controller/results/expect.h"
#include "controller/strf.h"
#include "controller/suite/flaky.h"
#include "controller/suite/testrun_internal.h"
#include "controller/suite/testshow.h"
#include "controller/suite/words.h"
#include "proto/base/clock.h"
#include "proto/reason.h"

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

static void testsuite_fini(struct testsuite *s)
{
	free(s->dir);
	free(s->from);
	free(s->place);
	if (s->has_sum)
		suite_fini(&s->sum);
	json_decref(s->attempts);
	json_decref(s->findings);
	attempt_findings_free(s->blame, s->n_blame);
}

static int init(struct testsuite *s, struct testrun *t, const struct testitem *it,
		size_t number, struct kf_error *err)
{
	int64_t limit = suitefile_ms(&it->file, SUITEFILE_LIMIT_TEST, 0);

	*s = (struct testsuite){.t = t,
				.it = it,
				.number = number,
				.dir = strf("suites/%zu-%s", number, it->suite),
				.attempts = json_array(),
				.findings = json_array(),
				.began = clock_now_ms()};
	snprintf(s->limit, sizeof(s->limit), "%lld", (long long)((limit + 999) / 1000));
	s->values = (struct suitefile_values){.collection = it->collection,
					      .limit = s->limit};
	return s->dir && s->attempts && s->findings ? 0 : no_memory(err);
}

/* --- its attempts ------------------------------------------------------------------- */

/* The command of the user, or of the file with its additions. */
static int make_words(struct testsuite *s, char *const tests[], size_t n_tests,
		      char ***ret)
{
	const enum suitefile_key keys[] = {
		n_tests > 0 ? SUITEFILE_RETRY : SUITEFILE_COMMAND,
		SUITEFILE_COMMAND_COLLECTION, SUITEFILE_COMMAND_LIMIT};
	_words_ struct words w = {.n = 0};
	int r = words_add_all(&w, s->it->words);

	s->values.tests = (const char *const *)tests;
	s->values.n_tests = n_tests;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(keys); i++) {
		_free_ char **list = NULL;

		/* The tests that are named are of no collection. */
		if (keys[i] == SUITEFILE_COMMAND_COLLECTION &&
		    (!s->it->collection || n_tests > 0))
			continue;
		r = suitefile_words(&s->it->file, keys[i], &s->values, &list);
		if (r == 0)
			r = words_add_all(&w, list);
	}
	if (r == 0)
		r = words_add_all(&w, s->t->plan->args);
	return r < 0 ? r : words_block(&w, ret);
}

static int expected(struct testsuite *s, struct suite_run *result, struct kf_error *err)
{
	const struct testplan *p = s->t->plan;
	_expect_ struct expect e = {0};
	int r;

	if (!p->expect)
		return 0;
	r = expect_parse((const char *)buf_data(&p->expect_text),
			 buf_len(&p->expect_text), p->expect, &e, err);
	if (r < 0)
		return r;
	return expect_apply(&e, result) < 0 ? no_memory(err) : 0;
}

/* Which findings the suite fails for: kept until all attempts were made. */
static int take_findings(struct testsuite *s, const struct attempt *a,
			 const struct suite_run *result, unsigned number,
			 struct kf_error *err)
{
	struct attempt_finding *list = NULL, *more;
	size_t n = 0;

	if (attempt_findings(a, result, &list, &n) < 0)
		return no_memory(err);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			s->findings,
			json_pack("{s:s?, s:i, s:s, s:s, s:s, s:b}", "test", list[i].test,
				  "attempt", (int)number, "severity",
				  severity_name(list[i].severity), "class",
				  list[i].class_name, "title", list[i].title, "fails",
				  (int)(list[i].severity >= s->t->plan->fail_on)));
	more = reallocarray(s->blame, s->n_blame + n + 1, sizeof(*more));
	if (!more) {
		attempt_findings_free(list, n);
		return no_memory(err);
	}
	s->blame = more;
	if (n > 0)
		memcpy(more + s->n_blame, list, n * sizeof(*list));
	s->n_blame += n;
	free(list);
	return 0;
}

static const char *how_name(enum attempt_how how)
{
	static const char *const names[] = {"exited", "timed-out", "died",
					    "lost",   "cancelled", "failed"};

	return names[how];
}

static void note_attempt(struct testsuite *s, const struct suite_run *result,
			 const struct attempt_end *end, int64_t began)
{
	json_t *whole = suite_json(result);
	json_t *j = json_pack("{s:s, s:I, s:O, s:O}", "how", how_name(end->how),
			      "took_ms", (json_int_t)(clock_now_ms() - began), "verdict",
			      json_object_get(whole, "verdict"), "counts",
			      json_object_get(whole, "counts"));

	if (end->how == ATTEMPT_EXITED)
		json_object_set_new(j, "status", json_integer(end->status));
	json_decref(whole);
	json_array_append_new(s->attempts, j);
}

static int attempt_once(struct testsuite *s, char *const words[], unsigned number,
			struct attempt *a, struct kf_error *err)
{
	struct attempt_end end = {.how = ATTEMPT_FAILED};
	_suite_ struct suite_run result = {0};
	int64_t began = clock_now_ms();
	int r = testdrive(s, words, number, a, &end, err);

	if (r == 0)
		r = attempt_end(a, &end, &result, err);
	if (r == 0)
		r = expected(s, &result, err);
	if (r == 0)
		r = take_findings(s, a, &result, number, err);
	if (r < 0)
		return r;
	note_attempt(s, &result, &end, began);
	if (s->has_sum)
		return flaky_merge(&s->sum, &result) < 0 ? no_memory(err) : 0;
	s->sum = result;
	s->has_sum = true;
	result = (struct suite_run){.running = SUITE_PARENT};
	return 0;
}

static int attempt(struct testsuite *s, char *const tests[], size_t n, unsigned number,
		   struct kf_error *err)
{
	const struct suitefile *f = &s->it->file;
	_attempt_ struct attempt a = {.name = NULL};
	_free_ char **words = NULL;

	if (make_words(s, tests, n, &words) < 0 ||
	    attempt_init(&a, s->it->name, f->value[SUITEFILE_FORMAT],
			 suitefile_skip_status(f), s->t->live) < 0)
		return no_memory(err);
	return attempt_once(s, words, number, &a, err);
}

static int attempts(struct testsuite *s, struct kf_error *err)
{
	int r = attempt(s, NULL, 0, 1, err);

	for (unsigned i = 0; r == 0 && i < s->t->plan->retries; i++) {
		_free_ char **tests = NULL;
		size_t n = 0;

		if (testrun_is_over(s->t) || !flaky_may_retry(&s->sum))
			return 0;
		if (flaky_failed(&s->sum, &tests, &n) < 0)
			return no_memory(err);
		if (!s->it->file.value[SUITEFILE_RETRY] || n > SUITEFILE_WORDS / 2)
			n = 0;
		ui_note(s->t->ui, "%s: %s runs again (%u of %u)", s->t->d->board,
			s->it->name, i + 1, s->t->plan->retries);
		r = attempt(s, tests, n, i + 2, err);
	}
	return r;
}

/* --- afterwards --------------------------------------------------------------------- */

static int blame(struct testsuite *s, struct kf_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->n_blame; i++) {
		const struct attempt_finding *f = &s->blame[i];

		if (f->severity >= s->t->plan->fail_on)
			r = attempt_blame(&s->sum, f->test, "kernel: %s: \"%s\"",
					  f->class_name, f->title);
	}
	return r < 0 ? no_memory(err) : 0;
}

/* The outputs of the tests are in the run's files. */
static json_t *record_json(const struct testsuite *s)
{
	json_t *j = suite_json(&s->sum), *test;
	size_t i;

	json_array_foreach(json_object_get(j, "tests"), i, test)
		json_object_del(test, "output");
	if (s->it->collection)
		json_object_set_new(j, "collection", json_string(s->it->collection));
	json_object_set_new(j, "took_ms", json_integer(clock_now_ms() - s->began));
	json_object_set(j, "attempts", s->attempts);
	json_object_set(j, "findings", s->findings);
	return j;
}

/* The first test that somebody should look at. */
static const struct test_result *first_bad(const struct suite_run *s)
{
	const struct test_result *found = NULL;

	for (size_t i = 0; i < s->n; i++) {
		const struct test_result *t = &s->tests[i];

		if (!t->counted || !test_status_is_bad(t->status))
			continue;
		if (!found || (t->status == TEST_FAIL && found->status != TEST_FAIL))
			found = t;
	}
	return found;
}

static void note_verdict(struct testsuite *s, const char *counts)
{
	enum test_status verdict = suite_verdict(&s->sum);
	const struct test_result *bad = first_bad(&s->sum);
	bool failed = verdict == TEST_FAIL;
	struct kf_error *err = failed ? &s->t->failed : &s->t->broken;

	if (verdict == TEST_PASS || err->code)
		return;
	if (verdict == TEST_SKIP)
		kf_err(err, -EIO, KF_REASON_EXEC,
		       "%s: every test was skipped: nothing was tested", s->it->name);
	else if (failed && s->t->died)
		kf_err(err, -EIO, KF_REASON_TESTS, "%.300s, while %.200s ran (%s)",
		       s->t->why, bad ? bad->name : "it", s->it->name);
	else
		kf_err(err, -EIO, failed ? KF_REASON_TESTS : KF_REASON_EXEC,
		       "%s: %s%s%.200s%s%.200s", s->it->name, counts, bad ? "; " : "",
		       bad ? bad->name : "", bad && bad->text ? ": " : "",
		       bad && bad->text ? bad->text : "");
}

static int record(struct testsuite *s, struct kf_error *err)
{
	struct testrun *t = s->t;
	const char *verdict = test_status_name(suite_verdict(&s->sum));
	int64_t took = clock_now_ms() - s->began;
	_buf_ struct buf counts = BUF_INIT;
	struct suite_counts c;

	if (testshow_counts(&s->sum, &counts) < 0 || !buf_str(&counts))
		return no_memory(err);
	suite_count(&s->sum, &c);
	for (size_t i = 0; i < TEST_STATUSES; i++)
		t->sum.of[i] += c.of[i];
	t->flaky += flaky_count(&s->sum);
	note_verdict(s, buf_str(&counts));
	testshow_tests(t->ui, &s->sum);
	json_array_append_new(t->suites, record_json(s));
	run_step(t->d->run, "test", took,
		 json_pack("{s:s, s:s}", "suite", s->it->name, "verdict", verdict));
	ui_step(t->ui, "test", t->d->board, took,
		json_pack("{s:s, s:O}", "suite", s->it->name, "results",
			  json_array_get(t->suites, json_array_size(t->suites) - 1)),
		"%s: %s", s->it->name, buf_str(&counts));
	if (run_add_suite(t->d->run, &s->sum) < 0)
		return no_memory(err);
	s->has_sum = false;
	return 0;
}

/* There is nothing but a reason. */
static int nothing(struct testsuite *s, enum test_status status, const char *why,
		   struct kf_error *err)
{
	struct test_result *test;

	if (suite_init(&s->sum, s->it->name, s->it->file.value[SUITEFILE_FORMAT]) < 0)
		return no_memory(err);
	s->has_sum = true;
	if (suite_add(&s->sum, s->it->name, strlen(s->it->name), status, &test) < 0 ||
	    suite_set_text(test, "%s", why) < 0 || suite_settle(&s->sum) < 0)
		return no_memory(err);
	return 0;
}

int testsuite_miss(struct testrun *t, const struct testitem *it, size_t number,
		   struct kf_error *err)
{
	_cleanup_(testsuite_fini) struct testsuite s;
	char why[600];
	int r = init(&s, t, it, number, err);

	snprintf(why, sizeof(why), "it was not run: %s", t->why);
	if (r == 0)
		r = nothing(&s, TEST_MISS, why, err);
	return r == 0 ? record(&s, err) : r;
}

/* Something before the first test went wrong: the board may have. */
static int not_started(struct testsuite *s, const struct kf_error *failed,
		       struct kf_error *err)
{
	struct testrun *t = s->t;

	if (failed->reason == KF_REASON_CANCELLED)
		testboard_interrupted(t);
	else if (deploy_is_lost(failed))
		testboard_find_out(t, failed->msg);
	return nothing(s, t->died ? TEST_FAIL : TEST_MISS, t->died ? t->why : failed->msg,
		       err);
}

/* What the kernel says while it is cleaned up after the tests is of no test of them. */
static int settle(struct testsuite *s, struct kf_error *err)
{
	static const struct suite_run none = {.running = SUITE_PARENT};
	struct testrun *t = s->t;
	_attempt_ struct attempt a = {.name = NULL};
	struct kf_error why = {0};
	int r;

	if (attempt_init(&a, s->it->name, "exit", -1, t->live) < 0)
		return no_memory(err);
	r = watch_settle(&t->watch, &a, &why);
	if (r < 0 && why.reason == KF_REASON_CANCELLED) {
		testboard_interrupted(t);
	} else if (r < 0 && testboard_may_be_lost(&why)) {
		testboard_find_out(t, why.msg);
	} else if (r < 0) {
		*err = why;
		return r;
	}
	if (classifier_end(t->live) < 0)
		return no_memory(err);
	return take_findings(s, &a, &none, (unsigned)json_array_size(s->attempts), err);
}

static int finish(struct testsuite *s, struct kf_error *err)
{
	const struct suitefile *f = &s->it->file;
	bool over = testrun_is_over(s->t);
	int r = 0;

	if (over || !(f->value[SUITEFILE_FETCH] || f->value[SUITEFILE_CLEAN]))
		return 0;
	testaround_finish(s);
	if (!testrun_is_over(s->t))
		r = settle(s, err);
	if (r == 0 && s->t->died &&
	    attempt_blame(&s->sum, s->it->name, "after its tests: %s", s->t->why) < 0)
		r = no_memory(err);
	return r;
}

int testsuite_run(struct testrun *t, const struct testitem *it, size_t number,
		  struct kf_error *err)
{
	_cleanup_(testsuite_fini) struct testsuite s;
	struct kf_error failed = {0};
	int r = init(&s, t, it, number, err);

	if (r < 0)
		return r;
	if (testaround_prepare(&s, &failed) < 0) {
		r = not_started(&s, &failed, err);
	} else {
		r = attempts(&s, err);
		if (r == 0)
			r = finish(&s, err);
		if (r == 0)
			r = blame(&s, err);
	}
	return r == 0 ? record(&s, err) : r;
}
