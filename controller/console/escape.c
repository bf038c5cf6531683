// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/console/escape.h"

#include <string.h>

/* What key means behind Ctrl-]; what means nothing shows what does. */
static enum escape_action action_of(char key)
{
	switch (key) {
	case 'q':
	case '.':
		return ESCAPE_LEAVE;
	case 'b':
		return ESCAPE_BREAK;
	case ']':
	case ESCAPE_KEY:
		return ESCAPE_NONE;
	default:
		return ESCAPE_HELP;
	}
}

ssize_t escape_feed(struct escape *e, const char *data, size_t n, struct buf *out,
		    enum escape_action *ret)
{
	static const char itself = ESCAPE_KEY;
	size_t at = 0;

	*ret = ESCAPE_NONE;
	while (at < n) {
		const char *key = memchr(data + at, ESCAPE_KEY, n - at);
		size_t len = key ? (size_t)(key - (data + at)) : n - at;

		if (e->seen) {
			e->seen = false;
			*ret = action_of(data[at++]);
			if (*ret != ESCAPE_NONE)
				return (ssize_t)at;
			if (buf_append(out, &itself, 1) < 0)
				return -ENOMEM;
			continue;
		}
		if (buf_append(out, data + at, len) < 0)
			return -ENOMEM;
		e->seen = key != NULL;
		at += len + (key != NULL);
	}
	return (ssize_t)at;
}
