// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What comes here was checked by the controller, and is checked again: a name becomes a
 * part of a path.
 */
#include "agent/tracing/traceargs.h"

#include <getopt.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/text.h"

#define BUFFER_MAX (1024 * 1024) /* KiB: no board has more for each processor */

void traceargs_fini(struct trace_options *o)
{
	free(o->set.events);
	free(o->set.functions);
	o->set.events = NULL;
	o->set.functions = NULL;
}

static int bad(struct kf_error *err, const char *what, const char *which)
{
	return kf_err(err, -EINVAL, KF_REASON_INVALID, "trace: %s %s", which, what);
}

/* A name but for its * and ?. */
static bool is_event_name(const char *s)
{
	char plain[LIMIT_NAME + 2];

	snprintf(plain, sizeof(plain), "%s", s);
	for (char *p = plain; *p; p++)
		if (*p == '*' || *p == '?')
			*p = '_';
	return text_is_name(plain);
}

static int add_event(struct traceset *t, char *word, struct kf_error *err)
{
	struct traceset_event *e = &t->events[t->n_events];
	char *colon = strchr(word, ':');

	if (t->n_events == LIMIT_TRACE)
		return bad(err, "is one event too many", word);
	if (colon)
		*colon = '\0';
	if (!text_is_name(word) || (colon && !is_event_name(colon + 1)))
		return bad(err, "is no name of a system of events, or its event is none",
			   word);
	*e = (struct traceset_event){word, colon ? colon + 1 : NULL, NULL};
	t->n_events++;
	return 0;
}

static int add_filter(struct traceset *t, const char *filter, struct kf_error *err)
{
	size_t n = strlen(filter);
	struct traceset_event *e = t->n_events ? &t->events[t->n_events - 1] : NULL;

	if (!e || e->filter || (e->event && strpbrk(e->event, "*?")))
		return bad(err, "is a filter of no event", filter);
	if (!n || n > LIMIT_TRACE_FILTER || !text_is_plain(filter, n, false))
		return bad(err, "is no filter", filter);
	e->filter = filter;
	return 0;
}

static int add_function(struct traceset *t, const char *name, struct kf_error *err)
{
	if (t->n_functions == LIMIT_TRACE)
		return bad(err, "is one function too many", name);
	if (!*name || !text_is_line(name, LIMIT_STRING) || strchr(name, ' '))
		return bad(err, "is no function", name);
	t->functions[t->n_functions++] = name;
	return 0;
}

static int set_buffer(struct traceset *t, const char *text, struct kf_error *err)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || !n || n > BUFFER_MAX)
		return bad(err, "is no size of a buffer in KiB", text);
	t->buffer_kib = (unsigned)n;
	return 0;
}

static int take(struct traceset *t, int c, char *value, struct kf_error *err)
{
	switch (c) {
	case 'e':
		return add_event(t, value, err);
	case 'f':
		return add_filter(t, value, err);
	case 'F':
		return add_function(t, value, err);
	case 'b':
		return set_buffer(t, value, err);
	case 't':
		if (!text_is_name(value))
			return bad(err, "is no name of a tracer", value);
		t->tracer = value;
		return 0;
	default:
		return bad(err, "is not as it should be", "an option");
	}
}

int traceargs_parse(int argc, char **argv, struct trace_options *ret,
		    struct kf_error *err)
{
	static const struct option longs[] = {
		{"event", required_argument, NULL, 'e'},
		{"filter", required_argument, NULL, 'f'},
		{"tracer", required_argument, NULL, 't'},
		{"function", required_argument, NULL, 'F'},
		{"buffer", required_argument, NULL, 'b'},
		{NULL, 0, NULL, 0},
	};
	struct traceset *t = &ret->set;
	int c, r = 0;

	t->events = calloc(LIMIT_TRACE + 1, sizeof(*t->events));
	t->functions = calloc(LIMIT_TRACE + 1, sizeof(*t->functions));
	if (!t->events || !t->functions)
		r = kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
	optind = 0;
	while (r == 0 && (c = getopt_long(argc, argv, "+", longs, NULL)) >= 0)
		r = take(t, c, optarg, err);
	if (r == 0 && optind < argc)
		ret->command = argv + optind;
	if (r == 0 && t->n_events == 0 && !t->tracer)
		r = bad(err, "what to trace", "it is not told");
	if (r == 0 && t->n_functions && !t->tracer)
		r = bad(err, "without a tracer", "functions");
	return r;
}
