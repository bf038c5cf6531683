/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of a trace: every word that is found lies in its line. */
#include <assert.h>
#include <string.h>

#include "controller/tracing/traceline.h"
#include "proto/base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_in(struct traceword w, const char *line, size_t n)
{
	assert(!w.n || (w.s >= line && w.s + w.n <= line + n));
}

static void take_line(const char *line, size_t n)
{
	struct traceline t;
	uint64_t lost;

	(void)traceline_lost(line, n, &lost);
	if (!traceline_parse(line, n, &t))
		return;
	is_in(t.task, line, n);
	is_in(t.flags, line, n);
	is_in(t.event, line, n);
	is_in(t.text, line, n);
	assert(t.task.n > 0 && t.event.n <= t.text.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Exactly as long as it is, so that one byte too far is seen. */
	for (const uint8_t *at = data, *end = data + size; at < end;) {
		const uint8_t *nl = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((nl ? nl : end) - at);
		_free_ char *line = malloc(n + !n);

		assert(line);
		memcpy(line, at, n);
		take_line(line, n);
		at += n + (nl != NULL);
	}
	return 0;
}
