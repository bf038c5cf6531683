/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a user wants traced: whatever is taken fits into the words for the board, and
 * means the same when it is written out again.
 */
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "controller/tracing/tracespec.h"
#include "controller/tracing/tracewords.h"
#include "proto/base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_events(const struct tracespec *s, struct buf *b)
{
	for (size_t i = 0; i < s->n_events; i++) {
		const struct tracespec_event *e = &s->events[i];

		assert(buf_printf(b, "%s%s%s%s%s%s%s", i ? ";" : "", e->system,
				  e->event ? ":" : "", e->event ? e->event : "",
				  e->filter ? "[" : "", e->filter ? e->filter : "",
				  e->filter ? "]" : "") == 0);
	}
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void take_events(const char *text)
{
	_tracespec_ struct tracespec s = {0}, again = {0};
	_tracewords_ struct tracewords w = {.n = 0};
	_buf_ struct buf b = BUF_INIT;
	struct kf_error err = {0};

	if (tracespec_events(text, &s, &err) < 0) {
		assert(err.code && *err.msg && !s.n_events);
		return;
	}
	assert(s.n_events > 0 && s.n_events <= LIMIT_TRACE);
	assert(tracewords_make(&s, 1, text, &w) == 0);
	write_events(&s, &b);
	assert(tracespec_events(buf_str(&b), &again, &err) == 0);
	assert(again.n_events == s.n_events);
	for (size_t i = 0; i < s.n_events; i++)
		assert(is_same(s.events[i].system, again.events[i].system) &&
		       is_same(s.events[i].event, again.events[i].event) &&
		       is_same(s.events[i].filter, again.events[i].filter));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_tracespec_ struct tracespec s = {0};
	_tracewords_ struct tracewords w = {.n = 0};
	_free_ char *text = strndup((const char *)data, size);
	struct kf_error err = {0};

	assert(text);
	take_events(text);
	if (tracespec_ftrace(text, &s, &err) == 0)
		assert(s.tracer && tracewords_make(&s, 0, NULL, &w) == 0);
	return 0;
}
