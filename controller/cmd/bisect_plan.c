// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/cmd/bisect_plan.h"

#include <string.h>

#include "controller/bisect/show.h"
#include "controller/strf.h"
#include "proto/reason.h"

#define RETRIES 3
#define TEST_S	600

void bisect_plan_fini(struct bisect_plan *p)
{
	free(p->boards);
	free(p->script);
	free(p->exec);
	free(p->expect);
	testplan_fini(&p->tests);
}

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

/* What was told stays for the next call: without its test a bisect would go on with
 * another question. */
static int remember(struct bisect *b, const char *key, const char *told, char **ret,
		    struct kf_error *err)
{
	const char *value = told ? told : bisect_text(b, key);
	int rc = 0;

	*ret = *value ? strdup(value) : NULL;
	if (*value && !*ret)
		return no_memory(err);
	if (told && b->state)
		rc = bisect_set(b, key, json_string(told), err);
	return rc;
}

static int remember_number(struct bisect *b, const char *key, bool told, unsigned *value,
			   unsigned standard, struct kf_error *err)
{
	/* One more than it is: 0 is "not told". */
	unsigned kept = bisect_number(b, key);

	if (!told)
		*value = kept ? kept - 1 : standard;
	else if (b->state)
		return bisect_set(b, key, json_integer((json_int_t)*value + 1), err);
	return 0;
}

/* --- boards ------------------------------------------------------------------------- */

static char *join(const struct pick *p)
{
	char *all = NULL;

	for (size_t i = 0; i < p->n; i++) {
		_free_ char *before = all;

		all = before ? strf("%s,%s", before, p->names[i]) : strdup(p->names[i]);
		if (!all)
			return NULL;
	}
	return all;
}

/* Boards that were named, or those of the last call, or the default. */
static int plan_boards(struct cmd_env *env, struct bisect *b, struct bisect_args *a,
		       struct bisect_plan *p, struct kf_error *err)
{
	bool told = a->boards.n_lists || a->boards.n_labels || env->board;
	_free_ char *names = NULL;
	int rc;

	if (!told && *bisect_text(b, "boards")) {
		p->boards = strdup(bisect_text(b, "boards"));
		if (!p->boards || pick_add(&a->boards, p->boards) < 0)
			return no_memory(err);
	}
	rc = cmd_boards(env, "bisect", &a->boards);
	if (rc)
		return rc;
	names = join(&a->boards);
	if (!names)
		return no_memory(err);
	p->opts.trial.boards = a->boards.names;
	p->opts.trial.n_boards = a->boards.n;
	return b->state ? bisect_set(b, "boards", json_string(names), err) : 0;
}

/* --- suites ------------------------------------------------------------------------- */

static int add_suite(struct cmd_env *env, struct bisect_plan *p, const char *name,
		     struct kf_error *err)
{
	return name && *name ? testplan_add(&p->tests, env->cfg, name, err) : 0;
}

static int plan_suites(struct cmd_env *env, struct bisect *b, const struct bisect_args *a,
		       struct bisect_plan *p, struct kf_error *err)
{
	json_t *told, *one;
	int rc = 0;
	size_t i;

	if (a->n_tests == 0) {
		json_array_foreach(json_object_get(b->state, "tests"), i, one)
		{
			if (rc == 0)
				rc = add_suite(env, p, json_string_value(one), err);
		}
		return rc;
	}
	for (i = 0; rc == 0 && i < a->n_tests; i++)
		rc = add_suite(env, p, a->tests[i], err);
	if (rc < 0 || !b->state)
		return rc;
	told = json_array();
	for (i = 0; i < a->n_tests; i++)
		json_array_append_new(told, json_string(a->tests[i]));
	return bisect_set(b, "tests", told, err);
}

/* Its whole path is kept: the next call may come from elsewhere. */
static int plan_expect(struct bisect *b, const struct bisect_args *a,
		       struct bisect_plan *p, struct kf_error *err)
{
	_free_ char *path = NULL;
	int rc;

	if (a->expect && *a->expect) {
		path = realpath(a->expect, NULL);
		if (!path)
			return kf_err(err, -errno, KF_REASON_IO, "read %s: %m",
				      a->expect);
	}
	rc = remember(b, "expect", path ? path : a->expect, &p->expect, err);
	return rc == 0 && p->expect ? testplan_expect(&p->tests, p->expect, err) : rc;
}

static int plan_tests(struct cmd_env *env, struct bisect *b, const struct bisect_args *a,
		      struct bisect_plan *p, struct kf_error *err)
{
	int rc = plan_suites(env, b, a, p, err);

	if (rc == 0)
		rc = plan_expect(b, a, p, err);
	if (rc == 0)
		rc = remember(b, "script", a->script, &p->script, err);
	if (rc == 0)
		rc = remember(b, "exec", a->exec, &p->exec, err);
	if (rc < 0)
		return rc;
	p->opts.trial.tests = p->tests.n > 0 ? &p->tests : NULL;
	p->opts.trial.script = p->script;
	p->opts.trial.exec = p->exec;
	return 0;
}

static void say_tests(struct cmd_env *env, const struct bisect_plan *p)
{
	for (size_t i = 0; i < p->tests.n; i++)
		ui_note(env->ui, "tested by the suite %s%s%s", p->tests.items[i].name,
			p->expect ? ", but for what fails by " : "",
			p->expect ? p->expect : "");
	if (p->script || p->exec)
		ui_note(env->ui, "tested by %s%s%s", p->exec ? p->exec : "",
			p->exec && p->script ? " on the board, then by " : "",
			p->script ? p->script : " on the board");
}

int bisect_plan_make(struct cmd_env *env, struct bisect *b, struct bisect_args *a,
		     struct bisect_plan *p, struct kf_error *err)
{
	int rc = plan_boards(env, b, a, p, err);

	testplan_init(&p->tests);
	if (rc == 0)
		rc = plan_tests(env, b, a, p, err);
	if (rc == 0)
		rc = remember_number(b, "timeout_s", a->timeout_told, &a->timeout_s,
				     TEST_S, err);
	if (rc == 0)
		rc = remember_number(b, "retries", a->retries_told, &a->retries, RETRIES,
				     err);
	if (rc)
		return rc;
	p->opts.trial.test_timeout_ms = (int64_t)a->timeout_s * 1000;
	p->opts.trial.retries = a->retries;
	p->opts.check_ends = a->check_ends;
	p->opts.summary = a->summary;
	say_tests(env, p);
	return a->summary ? show_summary_check(a->summary, err) : 0;
}
