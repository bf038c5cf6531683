/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of a key and a value. */
#include "agent/boot/keyline.h"

#include <string.h>

#include "proto/text.h"

static bool split(const char *line, size_t n, struct keyline *ret)
{
	struct keyline l = {0};

	text_trim(&line, &n);
	if (n == 0 || *line == '#')
		return false;
	l.key = line;
	while (l.key_len < n && !text_is_blank(line[l.key_len]))
		l.key_len++;
	l.value = line + l.key_len;
	l.value_len = n - l.key_len;
	text_trim(&l.value, &l.value_len);
	*ret = l;
	return l.value_len > 0;
}

bool keyline_next(const char **at, const char *end, struct keyline *ret)
{
	while (*at < end) {
		const char *line = *at;
		const char *nl = memchr(line, '\n', (size_t)(end - line));

		*at = nl ? nl + 1 : end;
		if (split(line, (size_t)(*at - line), ret))
			return true;
	}
	return false;
}

bool keyline_is(const struct keyline *l, const char *key)
{
	return l->key_len == strlen(key) && memcmp(l->key, key, l->key_len) == 0;
}

void keyline_unquote(struct keyline *l)
{
	if (l->value_len < 2 || l->value[0] != '"' || l->value[l->value_len - 1] != '"')
		return;
	l->value++;
	l->value_len -= 2;
}
