// SPDX-License-Identifier: GPL-2.0-or-later
/* Lines from bytes. */
#include "controller/results/lines.h"

#include <ctype.h>
#include <string.h>

/* Where in an escape sequence: ESC, then '[' and its parameters, or ']' up to BEL. */
enum { ESC_NONE, ESC_BEGUN, ESC_CSI, ESC_OSC };

void lines_init(struct lines *l)
{
	*l = (struct lines){.number = 1};
}

void lines_fini(struct lines *l)
{
	buf_fini(&l->line);
}

/* Does c belong to an escape sequence? */
static bool escapes(struct lines *l, char c)
{
	switch (l->escape) {
	case ESC_NONE:
		if (c != '\033')
			return false;
		l->escape = ESC_BEGUN;
		return true;
	case ESC_BEGUN:
		l->escape = c == '[' ? ESC_CSI : c == ']' ? ESC_OSC : ESC_NONE;
		return true;
	case ESC_CSI:
		/* Parameters are below '@'. */
		if (c >= '@' && c <= '~')
			l->escape = ESC_NONE;
		return true;
	default:
		if (c == '\a' || c == '\033')
			l->escape = c == '\a' ? ESC_NONE : ESC_BEGUN;
		return true;
	}
}

static int give(struct lines *l, lines_fn fn, void *arg)
{
	const char *text = buf_str(&l->line);
	int r = text ? fn(arg, text, buf_len(&l->line), l->number) : -ENOMEM;

	buf_reset(&l->line);
	l->number++;
	return r;
}

int lines_feed(struct lines *l, const void *data, size_t n, lines_fn fn, void *arg)
{
	const char *p = data;

	for (size_t i = 0; i < n; i++) {
		int r = 0;

		if (p[i] == '\n') {
			/* A sequence that a line breaks is none. */
			l->escape = ESC_NONE;
			r = give(l, fn, arg);
		} else if (!escapes(l, p[i]) && p[i] != '\r' && p[i] != '\0' &&
			   buf_len(&l->line) < LINES_MAX) {
			r = buf_append(&l->line, p + i, 1);
		}
		if (r)
			return r;
	}
	return 0;
}

int lines_end(struct lines *l, lines_fn fn, void *arg)
{
	return buf_len(&l->line) ? give(l, fn, arg) : 0;
}

int lines_keep(struct buf *b, const char *line, size_t n, size_t max)
{
	int r;

	if (n > LINES_KEEP)
		n = LINES_KEEP;
	if (buf_len(b) + n + 1 > 2 * max)
		buf_consume(b, buf_len(b) - max);
	r = buf_append(b, line, n);
	return r < 0 ? r : buf_append(b, "\n", 1);
}

/* "<6>": behind it, or s. */
static const char *skip_level(const char *s)
{
	const char *p = s + 1;

	if (*s != '<')
		return s;
	while (isdigit((unsigned char)*p))
		p++;
	return p > s + 1 && *p == '>' ? p + 1 : s;
}

/* "[   12.345678]", "[  T12]", "[   C0]". */
static const char *skip_bracket(const char *s)
{
	const char *p = s + 1, *digits;
	bool stamp = false;

	if (*s != '[')
		return s;
	while (*p == ' ')
		p++;
	if (*p == 'T' || *p == 'C') {
		stamp = true;
		p++;
	}
	digits = p;
	while (isdigit((unsigned char)*p))
		p++;
	if (p == digits)
		return s;
	if (!stamp && *p == '.') {
		stamp = isdigit((unsigned char)*++p);
		while (isdigit((unsigned char)*p))
			p++;
	}
	return stamp && *p == ']' ? p + 1 : s;
}

/* "2026-11-21T20:30:04.588Z", "2026-11-21 20:30:04+01:00". */
static const char *skip_time(const char *s)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd";
	size_t i;

	for (i = 0; form[i]; i++) {
		bool fits = form[i] == 'd'   ? isdigit((unsigned char)s[i])
			    : form[i] == 'T' ? s[i] == 'T' || s[i] == ' '
					     : s[i] == form[i];

		if (!fits)
			return s;
	}
	while (s[i] && strchr("0123456789.,:+-Z", s[i]))
		i++;
	return s + i;
}

const char *lines_skip_stamps(const char *line, bool *ret_stamp)
{
	static const char *(*const skip[])(const char *) = {skip_level, skip_bracket,
							    skip_time};
	const char *p = line, *before;

	do {
		before = p;
		for (size_t i = 0; i < sizeof(skip) / sizeof(skip[0]); i++) {
			const char *behind = skip[i](p);

			/* A level has no blank behind it, the others one. */
			if (behind != p && i > 0 && *behind == ' ')
				behind++;
			p = behind;
		}
	} while (p != before);
	*ret_stamp = p != line;
	return p;
}
