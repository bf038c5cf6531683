// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/tracing/traceline.h"

#include <string.h>

#include "proto/text.h"

#define LOST "[LOST "

struct reader {
	const char *at, *end;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Decimal, at most max. */
static bool read_number(struct reader *r, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;
	const char *from = r->at;

	while (r->at < r->end && is_digit(*r->at)) {
		unsigned digit = (unsigned)(*r->at - '0');

		if (v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
		r->at++;
	}
	*ret = v;
	return r->at > from;
}

static bool accept(struct reader *r, char c)
{
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

static void skip_blanks(struct reader *r)
{
	while (r->at < r->end && *r->at == ' ')
		r->at++;
}

/* "-PID", with "(TGID)" behind it or not, in front of "[CPU]". */
static bool read_pid(const char *line, const char *end, struct traceline *ret)
{
	struct reader r = {.end = end};
	const char *p = end;
	uint64_t pid;

	while (p > line && p[-1] == ' ')
		p--;
	if (p > line && p[-1] == ')') {
		while (p > line && *p != '(')
			p--;
		while (p > line && p[-1] == ' ')
			p--;
	}
	r.end = p;
	while (p > line && is_digit(p[-1]))
		p--;
	r.at = p;
	if (p == line || p[-1] != '-' || !read_number(&r, UINT32_MAX, &pid))
		return false;
	ret->task = (struct traceword){line, (size_t)(p - 1 - line)};
	text_trim(&ret->task.s, &ret->task.n);
	ret->pid = (uint32_t)pid;
	return ret->task.n > 0;
}

static bool read_cpu(struct reader *r, struct traceline *ret)
{
	uint64_t cpu;

	if (!accept(r, '[') || !read_number(r, UINT32_MAX, &cpu) || !accept(r, ']') ||
	    !accept(r, ' '))
		return false;
	ret->cpu = (uint32_t)cpu;
	return true;
}

/* "123.456789: " */
static bool read_time(struct reader *r, struct traceline *ret)
{
	uint64_t seconds, micro;
	const char *from;

	if (!read_number(r, UINT64_MAX / 2000000, &seconds) || !accept(r, '.'))
		return false;
	from = r->at;
	if (!read_number(r, 999999, &micro) || r->at - from != 6 || !accept(r, ':'))
		return false;
	ret->usec = seconds * 1000000 + micro;
	return true;
}

static bool read_flags_and_time(struct reader *r, struct traceline *ret)
{
	struct reader again;
	const char *from;

	skip_blanks(r);
	again = *r;
	ret->flags = (struct traceword){r->at, 0};
	if (read_time(r, ret))
		return true;
	*r = again;
	from = r->at;
	while (r->at < r->end && *r->at != ' ')
		r->at++;
	ret->flags = (struct traceword){from, (size_t)(r->at - from)};
	skip_blanks(r);
	return read_time(r, ret);
}

/* "name: ...": a name has no blank in it. */
static void find_event(struct traceline *ret)
{
	size_t n = 0;

	while (n < ret->text.n && ret->text.s[n] != ' ' && ret->text.s[n] != ':')
		n++;
	ret->event = (struct traceword){ret->text.s, 0};
	if (n < ret->text.n && ret->text.s[n] == ':')
		ret->event.n = n;
}

bool traceline_parse(const char *line, size_t n, struct traceline *ret)
{
	const char *end = line + n;

	for (const char *p = line; (p = memchr(p, '[', (size_t)(end - p))); p++) {
		struct reader r = {p, end};
		struct traceline t = {0};

		if (!read_cpu(&r, &t) || !read_pid(line, p, &t) ||
		    !read_flags_and_time(&r, &t))
			continue;
		skip_blanks(&r);
		t.text = (struct traceword){r.at, (size_t)(end - r.at)};
		find_event(&t);
		*ret = t;
		return true;
	}
	return false;
}

bool traceline_lost(const char *line, size_t n, uint64_t *ret)
{
	struct reader r = {line, line + n};
	uint64_t v;

	if (!accept(&r, 'C') || !accept(&r, 'P') || !accept(&r, 'U') ||
	    !accept(&r, ':') || !read_number(&r, UINT32_MAX, &v) || !accept(&r, ' ') ||
	    (size_t)(r.end - r.at) < strlen(LOST) || memcmp(r.at, LOST, strlen(LOST)))
		return false;
	r.at += strlen(LOST);
	*ret = read_number(&r, UINT64_MAX, &v) ? v : 0;
	return true;
}
