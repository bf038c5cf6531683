/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From bytes to lines.  Where pieces of the log are split must not matter: a line is
 * taken when its end is there, or when it is too long whatever comes.
 */
#include <string.h>

#include "controller/log/classifier_internal.h"

#define CUT_BACK 1024u /* how far from such a piece's end it may be cut */

/* A line that deserves a closer look: without control characters, record by record. */
static int closer_look(struct classifier *c, const char *s, size_t n)
{
	size_t left = logline_plain(s, n, c->plain);
	const char *at = c->plain;
	int r = 0;

	do {
		struct logline l;
		size_t next;

		logline_parse(at, left, &l);
		next = logline_next(l.text, l.n);
		at = l.text + next;
		left = l.n - next;
		l.n = next;
		while (left && l.n && l.text[l.n - 1] == ' ')
			l.n--;
		r = classifier_take(c, &l);
	} while (left > 0 && r == 0);
	return r;
}

/* Bytes that logline_plain() drops may stand within a literal. */
static bool has_dropped(const char *s, size_t n)
{
	return n > 0 && (memchr(s, '\0', n) || memchr(s, '\033', n));
}

/* A carriage return in the middle is a line's end, too: what stands behind it is written
 * over what stood before. */
static int raw_line(struct classifier *c, const char *s, size_t n)
{
	int r = 0;

	while (n > 0 && s[n - 1] == '\r')
		n--;
	while (n > 0 && *s == '\r') {
		s++;
		n--;
	}
	if (!patterns_may_match(c->ps, s, n, &c->hits) && !c->busy && !c->range &&
	    !has_dropped(s, n))
		return 0;
	while (r == 0) {
		const char *cr = n ? memchr(s, '\r', n) : NULL;
		size_t len = cr ? (size_t)(cr - s) : n;

		r = closer_look(c, s, len);
		if (!cr)
			break;
		s += len + 1;
		n -= len + 1;
	}
	return r;
}

/* Where a line that is too long is cut: before what may be a record's beginning. */
static size_t cut_point(const char *s)
{
	for (size_t at = LINE_SIZE - 1; at > LINE_SIZE - CUT_BACK; at--) {
		if ((unsigned char)s[at - 1] < 0x20)
			return at;
		if (s[at] == '[' && s[at - 1] != '[')
			return at;
	}
	return LINE_SIZE;
}

/* Lines of contiguous bytes; how many were taken is *ret. */
static int take_lines(struct classifier *c, const char *s, size_t n, size_t *ret)
{
	size_t at = 0;
	int r = 0;

	while (at < n && r == 0) {
		size_t left = n - at, look = left < LINE_SIZE ? left : LINE_SIZE;
		const char *nl = memchr(s + at, '\n', look);

		if (nl) {
			c->line++;
			r = raw_line(c, s + at, (size_t)(nl - (s + at)));
			at = (size_t)(nl - s) + 1;
		} else if (left >= LINE_SIZE) {
			size_t cut_at = cut_point(s + at);

			r = raw_line(c, s + at, cut_at);
			at += cut_at;
		} else {
			break;
		}
	}
	*ret = at;
	return r;
}

/* Bytes that ended in the middle of a line are held until the rest of it is there. */
static int fill_held(struct classifier *c, const char **s, size_t *n)
{
	const char *nl = memchr(*s, '\n', *n);
	size_t len = nl ? (size_t)(nl - *s) + 1 : *n, taken;
	int r;

	if (len > LINE_SIZE - c->held)
		len = LINE_SIZE - c->held;
	memcpy(c->line_buf + c->held, *s, len);
	c->held += len;
	*s += len;
	*n -= len;
	r = take_lines(c, c->line_buf, c->held, &taken);
	c->held -= taken;
	memmove(c->line_buf, c->line_buf + taken, c->held);
	return r;
}

int classifier_text(struct classifier *c, const void *data, size_t n)
{
	const char *s = data;
	size_t taken;
	int r = 0;

	while (c->held > 0 && n > 0 && r == 0)
		r = fill_held(c, &s, &n);
	if (r < 0 || n == 0)
		return r;
	r = take_lines(c, s, n, &taken);
	if (r < 0)
		return r;
	c->held = n - taken;
	memcpy(c->line_buf, s + taken, c->held);
	return 0;
}

/* A record's text may have several lines, "\x0a" between them. */
int classifier_kmsg(struct classifier *c, const char *data, size_t n)
{
	const char *nl = n ? memchr(data, '\n', n) : NULL;
	struct logline l;
	int r = 0;

	if (nl)
		n = (size_t)(nl - data);
	if (n > LINE_SIZE)
		n = LINE_SIZE;
	c->line++;
	if (!patterns_may_match(c->ps, data, n, &c->hits) && !c->busy && !c->range)
		return 0;
	logline_parse(data, n, &l);
	do {
		const char *end = l.n ? memmem(l.text, l.n, "\\x0a", 4) : NULL;
		struct logline one = l;

		if (end)
			one.n = (size_t)(end - l.text);
		r = classifier_take(c, &one);
		if (!end)
			break;
		l.text += one.n + 4;
		l.n -= one.n + 4;
	} while (r == 0);
	return r;
}

int classifier_end(struct classifier *c)
{
	int r = 0;

	if (c->held > 0) {
		c->line++;
		r = raw_line(c, c->line_buf, c->held);
	}
	c->held = 0;
	return r < 0 ? r : classifier_release(c);
}
