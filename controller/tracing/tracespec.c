// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/tracing/tracespec.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/text.h"

#define SHOWN	     24	 /* bytes of the text behind a place that an error shows */
#define FUNCTION_MAX 511 /* KSYM_NAME_LEN and its NUL are 512 */

struct reader {
	const char *text, *at;
	struct kf_error *err;
};

void tracespec_fini(struct tracespec *s)
{
	for (size_t i = 0; i < s->n_events; i++) {
		free(s->events[i].system);
		free(s->events[i].event);
		free(s->events[i].filter);
	}
	for (size_t i = 0; i < s->n_functions; i++)
		free(s->functions[i]);
	free(s->events);
	free(s->functions);
	free(s->tracer);
	*s = (struct tracespec){0};
}

static int no_memory(struct reader *r)
{
	return kf_err(r->err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

/* What is wrong at a place of the text. */
static int wrong(struct reader *r, const char *at, const char *what)
{
	size_t n = strlen(at), place = (size_t)(at - r->text) + 1;

	if (!n)
		return kf_err(r->err, -EINVAL, KF_REASON_USAGE,
			      "%s, at the end of \"%s\"", what, r->text);
	return kf_err(r->err, -EINVAL, KF_REASON_USAGE,
		      "%s, at character %zu: \"%.*s%s\"", what, place,
		      (int)(n < SHOWN ? n : SHOWN), at, n < SHOWN ? "" : "...");
}

static void skip_blanks(struct reader *r)
{
	while (text_is_blank(*r->at) && *r->at)
		r->at++;
}

static bool accept(struct reader *r, char c)
{
	skip_blanks(r);
	if (*r->at != c)
		return false;
	r->at++;
	skip_blanks(r);
	return true;
}

static bool is_of_name(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("_-.", c));
}

static bool has_glob(const char *s)
{
	return strpbrk(s, "*?") != NULL;
}

static int read_name(struct reader *r, bool globs, const char *missing, char **ret)
{
	const char *from;
	size_t n;

	skip_blanks(r);
	from = r->at;
	while (is_of_name(*r->at) || (globs && *r->at && strchr("*?", *r->at)))
		r->at++;
	n = (size_t)(r->at - from);
	if (!n)
		return wrong(r, from, missing);
	if (n > LIMIT_NAME)
		return wrong(r, from, "a name is longer than 64 characters");
	if (*from == '.' || *from == '-')
		return wrong(r, from, "a name begins with a letter, a digit or _");
	*ret = strndup(from, n);
	return *ret ? 0 : no_memory(r);
}

/* Behind "[", up to and with the "]" that ends it. */
static int read_filter(struct reader *r, char **ret)
{
	const char *from = r->at, *s = from;
	char quote = '\0';
	size_t n;

	for (; *r->at && (quote || *r->at != ']'); r->at++) {
		if (quote)
			quote = *r->at == quote ? '\0' : quote;
		else if (*r->at == '"' || *r->at == '\'')
			quote = *r->at;
	}
	if (!*r->at)
		return wrong(r, from,
			     quote ? "a quoted string of this filter does not end"
				   : "this filter has no ] at its end");
	n = (size_t)(r->at - from);
	r->at++;
	text_trim(&s, &n);
	if (!n)
		return wrong(r, from, "a filter is empty");
	if (n > LIMIT_TRACE_FILTER)
		return wrong(r, from, "a filter is longer than 2048 characters");
	if (!text_is_plain(s, n, false))
		return wrong(r, from, "a filter has a control character in it");
	*ret = strndup(s, n);
	return *ret ? 0 : no_memory(r);
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Takes e, also when it fails. */
static int add_event(struct reader *r, const char *at, struct tracespec *s,
		     struct tracespec_event *e)
{
	struct tracespec_event *more;
	const char *what = NULL;

	for (size_t i = 0; i < s->n_events; i++)
		if (is_same(s->events[i].system, e->system) &&
		    is_same(s->events[i].event, e->event))
			what = "this was named before";
	if (s->n_events == LIMIT_TRACE)
		what = "more than 64 events";
	if (e->filter && e->event && has_glob(e->event))
		what = "a name with * or ? in it cannot have a filter";
	more = what ? NULL : reallocarray(s->events, s->n_events + 1, sizeof(*s->events));
	if (!more) {
		free(e->system);
		free(e->event);
		free(e->filter);
		return what ? wrong(r, at, what) : no_memory(r);
	}
	s->events = more;
	s->events[s->n_events++] = *e;
	return 0;
}

/* EVENT[FILTER] of a system, or the [FILTER] behind one that stands alone at `whole`. */
static int read_event(struct reader *r, const char *system, const char *whole,
		      struct tracespec *s)
{
	struct tracespec_event e = {0};
	const char *at;
	int rc = 0;

	skip_blanks(r);
	at = whole ? whole : r->at;
	e.system = strdup(system);
	if (!e.system)
		return no_memory(r);
	if (!whole)
		rc = read_name(r, true, "the name of an event is missing", &e.event);
	if (rc == 0 && accept(r, '['))
		rc = read_filter(r, &e.filter);
	if (rc < 0) {
		free(e.system);
		free(e.event);
		return rc;
	}
	return add_event(r, at, s, &e);
}

static int read_system(struct reader *r, struct tracespec *s)
{
	_free_ char *system = NULL;
	const char *at;
	int rc;

	skip_blanks(r);
	at = r->at;
	rc = read_name(r, false, "the name of a system of events is missing", &system);
	if (rc < 0)
		return rc;
	if (!accept(r, ':'))
		return read_event(r, system, at, s);
	do
		rc = read_event(r, system, NULL, s);
	while (rc == 0 && accept(r, ','));
	return rc;
}

int tracespec_events(const char *text, struct tracespec *ret, struct kf_error *err)
{
	struct reader r = {text, text, err};
	int rc;

	do
		rc = read_system(&r, ret);
	while (rc == 0 && accept(&r, ';'));
	if (rc == 0 && *r.at)
		rc = wrong(&r, r.at, "expected is one of [ , ; or : before events");
	if (rc < 0)
		tracespec_fini(ret);
	return rc;
}

/* --- ftrace ----------------------------------------------------------------------------
 */

/* All that the kernel takes in one of its filters: names, globs, ":mod:" and commands. */
static int read_function(struct reader *r, struct tracespec *s)
{
	const char *from;
	char **more, *one;
	size_t n;

	skip_blanks(r);
	from = r->at;
	while (*r->at > ' ' && *r->at < 0x7f && *r->at != ',')
		r->at++;
	n = (size_t)(r->at - from);
	if (!n)
		return wrong(r, from, "the name of a function is missing");
	if (n > FUNCTION_MAX)
		return wrong(r, from, "a function is longer than 511 characters");
	if (s->n_functions == LIMIT_TRACE)
		return wrong(r, from, "more than 64 functions");
	more = reallocarray(s->functions, s->n_functions + 1, sizeof(*more));
	if (!more)
		return no_memory(r);
	s->functions = more;
	one = strndup(from, n);
	if (!one)
		return no_memory(r);
	s->functions[s->n_functions++] = one;
	return 0;
}

int tracespec_ftrace(const char *text, struct tracespec *ret, struct kf_error *err)
{
	struct reader r = {text, text, err};
	int rc = read_name(&r, false, "the name of a tracer is missing", &ret->tracer);

	if (rc == 0 && accept(&r, ':')) {
		do
			rc = read_function(&r, ret);
		while (rc == 0 && accept(&r, ','));
	}
	if (rc == 0 && *r.at)
		rc = wrong(&r, r.at,
			   ret->n_functions ? "functions are separated by commas"
					    : "expected is a : before functions");
	if (rc < 0)
		tracespec_fini(ret);
	return rc;
}
