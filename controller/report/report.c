// SPDX-License-Identifier: GPL-2.0-or-later
/* Runs as reports see them, from their result.json. */
#include "controller/report/report.h"

#include <ctype.h>
#include <string.h>

#include "proto/text.h"

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static int64_t took_of(const json_t *object)
{
	const json_t *took = json_object_get(object, "took_ms");

	return json_is_integer(took) ? json_integer_value(took) : -1;
}

void report_fini(struct report *r)
{
	for (size_t i = 0; i < r->n; i++) {
		json_decref(r->runs[i].result);
		free(r->runs[i].findings);
		free(r->runs[i].suites);
		free(r->runs[i].excerpt);
	}
	free(r->runs);
	*r = (struct report){0};
}

/* All that reports know of the form of a finding. */
static void take_finding(const json_t *j, struct report_finding *ret)
{
	const char *file = text_of(j, "file");

	ret->severity = text_of(j, "severity");
	ret->class_name = text_of(j, "class");
	ret->title = text_of(j, "title");
	ret->source = text_of(j, "source");
	ret->file = *file ? file : NULL;
	ret->line = (int)json_integer_value(json_object_get(j, "line"));
	ret->count = (int)json_integer_value(json_object_get(j, "count"));
}

static int take_findings(struct report_run *run)
{
	const json_t *list = json_object_get(run->result, "findings");
	size_t n = json_array_size(list);

	run->findings = calloc(n + 1, sizeof(*run->findings));
	if (!run->findings)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		take_finding(json_array_get(list, i), &run->findings[run->n_findings++]);
	return 0;
}

/* The last step of that name, or NULL. */
static const json_t *step_of(const struct report_run *run, const char *stage)
{
	const json_t *steps = json_object_get(run->result, "steps"), *found = NULL;

	for (size_t i = 0; i < json_array_size(steps); i++) {
		const json_t *step = json_array_get(steps, i);

		if (strcmp(text_of(step, "stage"), stage) == 0)
			found = step;
	}
	return found;
}

static void add_phase(struct report_run *run, const char *name, enum test_status status)
{
	const json_t *step = step_of(run, strcmp(name, "boot") == 0 ? "reboot" : name);

	run->phase[run->n_phases++] = (struct report_phase){
		.name = name,
		.status = status,
		.took_ms = step && status != TEST_MISS ? took_of(step) : -1};
}

/* It came as far as a reboot into the new kernel; false: nobody knows that it did. */
static bool was_tried(const struct report_run *run)
{
	const json_t *step = step_of(run, "install");

	return step && *text_of(step, "chain") && strcmp(run->reason, "cancelled") != 0 &&
	       strcmp(run->reason, "not-tried") != 0;
}

static bool has_suites(const struct report_run *run)
{
	return json_array_size(json_object_get(run->result, "suites")) > 0;
}

/* Of a kernel that was healthy, and was tested. */
static void find_tested_phases(struct report_run *run, enum test_status status)
{
	add_phase(run, "boot", TEST_PASS);
	add_phase(run, "health", TEST_PASS);
	add_phase(run, "tests", status);
}

static void find_boot_phases(struct report_run *run)
{
	const json_t *reboot = step_of(run, "reboot");
	bool runs = json_is_true(json_object_get(reboot, "matches"));

	if (strcmp(run->verdict, "PASS") == 0) {
		add_phase(run, "boot", TEST_PASS);
		add_phase(run, "health", TEST_PASS);
	} else if (strcmp(run->verdict, "FAIL") == 0) {
		bool booted = strcmp(run->reason, "unhealthy") == 0;

		add_phase(run, "boot", booted ? TEST_PASS : TEST_FAIL);
		add_phase(run, "health", booted ? TEST_FAIL : TEST_MISS);
	} else if (runs) {
		add_phase(run, "boot", TEST_PASS);
		add_phase(run, "health", TEST_ERROR);
	} else {
		add_phase(run, "boot", was_tried(run) ? TEST_ERROR : TEST_MISS);
		add_phase(run, "health", TEST_MISS);
	}
}

static void find_phases(struct report_run *run)
{
	const char *mode = text_of(run->result, "mode");
	enum test_status status = strcmp(run->verdict, "FAIL") == 0    ? TEST_FAIL
				  : strcmp(run->verdict, "ERROR") == 0 ? TEST_ERROR
								       : TEST_PASS;

	/* Without a verdict it has not ended, or there was none to reach. */
	if (!*run->verdict && !json_is_null(json_object_get(run->result, "verdict")))
		status = TEST_ERROR;
	if (strcmp(run->reason, "build") == 0) {
		add_phase(run, "build", status);
		add_phase(run, "boot", TEST_MISS);
	} else if (strcmp(mode, "install") == 0) {
		add_phase(run, "install", status);
	} else if (strcmp(mode, "modules") == 0) {
		add_phase(run, "modules", status);
	} else if (strcmp(mode, "test") == 0) {
		add_phase(run, "tests", status);
	} else if (has_suites(run)) {
		find_tested_phases(run, status);
	} else {
		find_boot_phases(run);
	}
	for (size_t i = 0; i < run->n_phases; i++) {
		if (run->phase[i].status == TEST_PASS)
			continue;
		run->phase[i].tells = true;
		return;
	}
	if (run->n_phases > 0)
		run->phase[run->n_phases - 1].tells = true;
}

int report_add(struct report *r, json_t *result, struct report_run **ret)
{
	struct report_run run = {.result = json_incref(result),
				 .took_ms = took_of(result)};
	struct report_run *more;
	const char *board = text_of(result, "board");

	run.board = *board ? board : NULL;
	run.id = text_of(result, "id");
	run.profile = text_of(result, "profile");
	run.arch = text_of(result, "arch");
	run.release = text_of(result, "release");
	run.build_id = text_of(result, "build_id");
	run.commit = text_of(result, "commit");
	run.branch = text_of(result, "branch");
	run.slot = text_of(result, "slot");
	run.verdict = text_of(result, "verdict");
	run.reason = text_of(result, "reason");
	run.text = text_of(result, "text");
	run.log = text_of(result, "log");
	run.started = text_of(result, "started");
	run.dirty = json_is_true(json_object_get(result, "dirty"));
	if (run.board)
		find_phases(&run);
	more = reallocarray(r->runs, r->n + 1, sizeof(*more));
	if (more)
		r->runs = more;
	if (!more || take_findings(&run) < 0) {
		json_decref(run.result);
		return -ENOMEM;
	}
	r->runs[r->n++] = run;
	if (ret)
		*ret = &r->runs[r->n - 1];
	return 0;
}

int report_add_suite(struct report_run *run, const struct suite_run *s)
{
	const struct suite_run **more = reallocarray(run->suites, run->n_suites + 1,
						     sizeof(const struct suite_run *));

	if (!more)
		return -ENOMEM;
	run->suites = more;
	more[run->n_suites++] = s;
	return 0;
}

int report_set_excerpt(struct report_run *run, const void *data, size_t n)
{
	_buf_ struct buf b = BUF_INIT;
	const char *p = data;
	const char *text;

	/* From the beginning of a line on, and room for what escaping adds. */
	for (size_t max = REPORT_EXCERPT;; max /= 2) {
		const char *nl;

		buf_reset(&b);
		if (n > max) {
			p += n - max;
			n = max;
			nl = memchr(p, '\n', n);
			if (nl) {
				n -= (size_t)(nl + 1 - p);
				p = nl + 1;
			}
		}
		if (text_escape(&b, p, n, true) < 0)
			return -ENOMEM;
		if (buf_len(&b) <= REPORT_EXCERPT)
			break;
	}
	text = buf_str(&b);
	if (!text)
		return -ENOMEM;
	free(run->excerpt);
	run->excerpt = strdup(text);
	return run->excerpt ? 0 : -ENOMEM;
}

int report_kernel_text(const struct report_run *run, struct buf *out)
{
	int r;

	if (!*run->release)
		return 0;
	r = buf_printf(out, "%s", run->release);
	if (r == 0 && *run->commit)
		r = buf_printf(out, ", commit %.12s%s", run->commit,
			       run->dirty ? " with changes" : "");
	if (r == 0 && *run->branch)
		r = buf_printf(out, " on %s", run->branch);
	return r;
}

const char *report_phase_text(const struct report_run *run, const struct report_phase *p)
{
	if (p->tells)
		return run->text;
	return p->status == TEST_MISS ? "not reached" : "";
}

static bool is_path_char(char c)
{
	return isalnum((unsigned char)c) || strchr("_-+./", c) != NULL;
}

bool report_source(const char *text, const char **ret_file, size_t *ret_n, int *ret_line)
{
	static const char *const ends[] = {".c", ".h", ".S", ".rs"};

	for (const char *p = text; (p = strchr(p, ':')); p++) {
		const char *begin = p;
		bool source = false;

		while (begin > text && begin[-1] && is_path_char(begin[-1]))
			begin--;
		for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
			size_t n = strlen(ends[i]);

			source = source || ((size_t)(p - begin) > n &&
					    strncmp(p - n, ends[i], n) == 0);
		}
		if (!source || !isdigit((unsigned char)p[1]) || *begin == '/')
			continue;
		*ret_file = begin;
		*ret_n = (size_t)(p - begin);
		*ret_line = (int)(strtoul(p + 1, NULL, 10) & 0xffffff);
		return true;
	}
	return false;
}
