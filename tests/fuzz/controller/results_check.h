/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What must hold of every suite run, whatever was read. */
#ifndef KF_FUZZ_RESULTS_CHECK_H
#define KF_FUZZ_RESULTS_CHECK_H

#include <assert.h>
#include <string.h>

#include "controller/results/reader.h"
#include "proto/text.h"

static void results_check_test(const struct suite_run *s, size_t i)
{
	const struct test_result *t = &s->tests[i];

	assert(text_is_plain(t->name, strlen(t->name), false));
	assert(t->leaf <= strlen(t->name));
	assert(!t->text || text_is_plain(t->text, strlen(t->text), false));
	assert(!t->output || text_is_plain(t->output, strlen(t->output), true));
	assert(t->count >= 1 && t->attempts >= 1);
	assert(t->parent == SUITE_PARENT || t->parent < s->n);
	/* A parent is never better than what is below it. */
	assert(t->parent == SUITE_PARENT || !test_status_is_bad(t->status) ||
	       test_status_is_bad(s->tests[t->parent].status));
}

static void results_check(const struct suite_run *s)
{
	enum test_status verdict = suite_verdict(s);
	bool tested = false;

	assert(s->n <= SUITE_TESTS && s->n_problems <= SUITE_PROBLEMS);
	assert(s->running == SUITE_PARENT || s->running < s->n);
	for (size_t i = 0; i < s->n; i++) {
		const struct test_result *t = &s->tests[i];

		results_check_test(s, i);
		assert(verdict != TEST_PASS || !test_status_is_bad(t->status));
		tested = tested || t->status == TEST_PASS || t->status == TEST_XPASS ||
			 t->status == TEST_XFAIL;
	}
	assert(verdict != TEST_PASS || (tested && !s->cut));
}

static void results_fuzz(enum reader_format format, const uint8_t *data, size_t size)
{
	_suite_ struct suite_run s = {0};
	struct reader *reader;
	json_t *json;
	size_t cut = size ? data[0] % size : 0;

	assert(reader_new("fuzz", format, &reader) == 0);
	assert(reader_feed(reader, data, cut) == 0);
	assert(reader_feed(reader, data + cut, size - cut) == 0);
	assert(reader_end(reader, &s, NULL) == 0);
	reader_free(reader);
	results_check(&s);
	json = suite_json(&s);
	assert(json);
	json_decref(json);
}

#endif
