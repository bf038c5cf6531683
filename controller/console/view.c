// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/console/view.h"

#include <stdbool.h>
#include <string.h>

#include "proto/text.h"

/* How many bytes the UTF-8 character that begins so has; 1: it is none. */
static size_t wanted(unsigned char c)
{
	return c >= 0xf0 && c < 0xf5 ? 4
	       : c >= 0xe0	     ? c < 0xf0 ? 3 : 1
	       : c >= 0xc2	     ? 2
				     : 1;
}

/* How many bytes at the end may mean something else with those that come. */
static size_t unfinished(const char *s, size_t n)
{
	if (n > 0 && s[n - 1] == '\r')
		return 1;
	for (size_t back = 1; back <= 3 && back <= n; back++) {
		unsigned char c = (unsigned char)s[n - back];

		if ((c & 0xc0) == 0x80)
			continue;
		return wanted(c) > back ? back : 0;
	}
	return 0;
}

static int put(const char *s, size_t n, struct buf *out)
{
	int r = 0;

	while (n > 0 && r == 0) {
		const char *end = memmem(s, n, "\r\n", 2);
		size_t len = end ? (size_t)(end - s) : n;

		r = len ? text_escape(out, s, len, true) : 0;
		s += len + (end != NULL);
		n -= len + (end != NULL);
	}
	return r;
}

int view_feed(struct view *v, const void *data, size_t n, struct buf *out)
{
	_buf_ struct buf all = BUF_INIT;
	const char *s;
	size_t len;
	int r = buf_append(&all, v->held, v->n);

	if (r == 0)
		r = buf_append(&all, data, n);
	if (r < 0)
		return r;
	s = (const char *)buf_data(&all);
	len = buf_len(&all);
	v->n = unfinished(s, len);
	len -= v->n;
	memcpy(v->held, s + len, v->n);
	return put(s, len, out);
}

int view_end(struct view *v, struct buf *out)
{
	size_t n = v->n;

	v->n = 0;
	return put(v->held, n, out);
}
