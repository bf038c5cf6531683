// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KCIDB reports, schema v5.3: a checkout and a build for each kernel, a test for each
 * phase and each test of the suites.
 *
 * Nothing is claimed that is not known: a kernel from a tree with changes has no commit,
 * one from a file has a checkout that says no more than its release.
 */
#include <string.h>

#include "controller/report/report.h"
#include "controller/strf.h"
#include "proto/text.h"

#define PATH_MAX_BYTES 256

bool report_is_origin(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return n > 0 && n <= 64 && !s[n];
}

/* "origin:", then a and b with "-" between. */
static json_t *object_id(const char *origin, const char *a, const char *b)
{
	return json_sprintf("%s:%s%s%s", origin, a, *b ? "-" : "", b);
}

/* Which kernel it is: its slot is a digest of all its files. */
static const char *kernel_id(const struct report_run *run)
{
	return *run->slot ? run->slot : run->id;
}

static void set_text(json_t *object, const char *key, const char *text)
{
	if (text && *text)
		json_object_set_new(object, key, json_string(text));
}

/* Is there one with that id already? */
static bool has_id(const json_t *list, const json_t *id)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (json_equal(json_object_get(json_array_get(list, i), "id"), id))
			return true;
	}
	return false;
}

/* The names of the schema: a test that failed as expected has told nothing new. */
static const char *status_of(enum test_status status)
{
	switch (status) {
	case TEST_XFAIL:
	case TEST_XPASS:
		return "PASS";
	default:
		return test_status_name(status);
	}
}

/* KCIDB knows full hashes only. */
static bool is_hash(const char *commit)
{
	size_t n = strlen(commit);

	return (n == 40 || n == 64) && text_is_hex(commit, n, 32);
}

static int add_checkout(json_t *list, const struct report_run *run, const char *origin)
{
	json_t *checkout = json_pack("{s:o, s:s, s:b}", "id",
				     object_id(origin, kernel_id(run), run->build_id),
				     "origin", origin, "valid", 1);
	json_t *misc = json_object();

	if (is_hash(run->commit) && !run->dirty) {
		json_object_set_new(checkout, "git_commit_hash",
				    json_string(run->commit));
		json_object_set_new(checkout, "patchset_hash", json_string(""));
	} else {
		set_text(misc, "based_on", run->commit);
	}
	set_text(checkout, "git_repository_branch", run->branch);
	set_text(checkout, "comment", run->release);
	if (run->dirty)
		json_object_set_new(misc, "dirty", json_true());
	if (json_object_size(misc) > 0)
		json_object_set_new(checkout, "misc", misc);
	else
		json_decref(misc);
	return json_array_append_new(list, checkout);
}

static json_t *architecture(const struct report_run *run)
{
	size_t n = strspn(run->arch, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return n > 0 && !run->arch[n] ? json_string(run->arch) : NULL;
}

static int add_build(json_t *list, const struct report_run *run, const char *origin)
{
	bool failed = strcmp(run->reason, "build") == 0;
	json_t *build = json_pack(
		"{s:o, s:o, s:s, s:s, s:o*}", "id",
		object_id(origin, kernel_id(run), run->build_id), "checkout_id",
		object_id(origin, kernel_id(run), run->build_id), "origin", origin,
		"status", failed ? "FAIL" : "PASS", "architecture", architecture(run));
	json_t *misc = json_object();

	set_text(build, "comment", failed ? run->text : run->release);
	set_text(misc, "build_id", run->build_id);
	set_text(misc, "slot", run->slot);
	set_text(misc, "release", run->release);
	json_object_set_new(build, "misc", misc);
	return json_array_append_new(list, build);
}

/* Letters, digits and . _ - only, each part of it. */
static json_t *path_of(const char *suite, const char *name)
{
	_free_ char *path = *name ? strf("%s.%s", suite, name) : strdup(suite);

	for (char *p = path; p && *p; p++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "0123456789._-",
			    *p))
			*p = *p == '/' ? '.' : '_';
	}
	return path ? json_stringn(path, strnlen(path, PATH_MAX_BYTES)) : NULL;
}

struct test {
	const char *suite, *name;
	enum test_status status;
	const char *text, *log;
	int64_t took_ms;
	uint64_t count;
};

static json_t *environment(const struct report_run *run)
{
	json_t *misc = json_object();

	set_text(misc, "board", run->board);
	set_text(misc, "profile", run->profile);
	return json_pack("{s:s, s:o}", "comment", run->board, "misc", misc);
}

/* At most that many bytes, of whole characters: the schema counts characters. */
static json_t *excerpt(const char *log)
{
	size_t n = strnlen(log, REPORT_EXCERPT);

	while (n == REPORT_EXCERPT && n > 0 && ((unsigned char)log[n] & 0xc0) == 0x80)
		n--;
	return json_stringn(log, n);
}

static int add_test(json_t *list, const struct report_run *run, const char *origin,
		    const struct test *t)
{
	char number[24];
	json_t *j;

	snprintf(number, sizeof(number), "%zu", json_array_size(list) + 1);
	j = json_pack("{s:o, s:o, s:s, s:o, s:s, s:o}", "id",
		      object_id(origin, run->id, number), "build_id",
		      object_id(origin, kernel_id(run), run->build_id), "origin", origin,
		      "path", path_of(t->suite, t->name), "status", status_of(t->status),
		      "environment", environment(run));
	if (!j)
		return -1;
	set_text(j, "comment", t->text);
	set_text(j, "start_time", run->started);
	if (t->took_ms >= 0)
		json_object_set_new(j, "duration", json_real((double)t->took_ms / 1000));
	if (t->log && *t->log)
		json_object_set_new(j, "log_excerpt", excerpt(t->log));
	if (t->count > 1)
		json_object_set_new(j, "misc",
				    json_pack("{s:I}", "tests", (json_int_t)t->count));
	return json_array_append_new(list, j);
}

static int add_tests(json_t *list, const struct report_run *run, const char *origin)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < run->n_phases; i++) {
		const struct report_phase *p = &run->phase[i];

		/* That is the build's own status. */
		if (strcmp(p->name, "build") == 0)
			continue;
		r = add_test(list, run, origin,
			     &(struct test){.suite = p->name,
					    .name = "",
					    .status = p->status,
					    .text = report_phase_text(run, p),
					    .log = p->tells ? run->excerpt : NULL,
					    .took_ms = p->took_ms});
	}
	for (size_t i = 0; i < run->n_suites; i++) {
		const struct suite_run *s = run->suites[i];
		const char *name = s->name ? s->name : s->format;

		for (size_t k = 0; r == 0 && k < s->n; k++) {
			const struct test_result *t = &s->tests[k];

			if (t->counted)
				r = add_test(list, run, origin,
					     &(struct test){name, t->name, t->status,
							    t->text, t->output,
							    t->took_ms, t->count});
		}
		/* The suite as a whole, whose output may be broken. */
		if (r == 0)
			r = add_test(list, run, origin,
				     &(struct test){.suite = name,
						    .name = "",
						    .status = suite_verdict(s),
						    .took_ms = -1});
	}
	return r;
}

int report_kcidb(const struct report *r, const char *origin, struct buf *out)
{
	json_t *checkouts = json_array(), *builds = json_array(), *tests = json_array();
	json_t *all =
		json_pack("{s:{s:i, s:i}, s:o, s:o, s:o}", "version", "major", 5, "minor",
			  3, "checkouts", checkouts, "builds", builds, "tests", tests);
	char *text = NULL;
	int rc = all ? 0 : -1;

	for (size_t i = 0; rc == 0 && i < r->n; i++) {
		const struct report_run *run = &r->runs[i];
		json_t *id = object_id(origin, kernel_id(run), run->build_id);

		if (!has_id(builds, id)) {
			rc = add_checkout(checkouts, run, origin);
			if (rc == 0)
				rc = add_build(builds, run, origin);
		}
		json_decref(id);
		if (rc == 0)
			rc = add_tests(tests, run, origin);
	}
	if (rc == 0)
		text = json_dumps(all, JSON_INDENT(2));
	rc = text ? buf_printf(out, "%s\n", text) : -ENOMEM;
	free(text);
	json_decref(all);
	return rc;
}
