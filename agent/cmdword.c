/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words of a kernel command line. */
#include "agent/cmdword.h"

#include <ctype.h>
#include <string.h>

static bool is_blank(char c)
{
	return isspace((unsigned char)c);
}

bool cmdword_next(const char **line, struct cmdword *ret)
{
	const char *s = *line;
	bool quoted = false;

	while (is_blank(*s))
		s++;
	ret->s = s;
	for (; *s && (quoted || !is_blank(*s)); s++)
		if (*s == '"')
			quoted = !quoted;
	ret->n = (size_t)(s - ret->s);
	*line = s;
	return ret->n > 0;
}

bool cmdword_is(const struct cmdword *w, const char *text)
{
	return w->n == strlen(text) && memcmp(w->s, text, w->n) == 0;
}

bool cmdword_begins(const struct cmdword *w, const char *head)
{
	size_t n = strlen(head);

	return w->n >= n && memcmp(w->s, head, n) == 0;
}

static size_t key_len(const struct cmdword *w)
{
	const char *equals = memchr(w->s, '=', w->n);

	return equals ? (size_t)(equals - w->s) : w->n;
}

bool cmdword_same_key(const struct cmdword *a, const struct cmdword *b)
{
	size_t n = key_len(a);

	if (n != key_len(b))
		return false;
	for (size_t i = 0; i < n; i++) {
		char x = a->s[i] == '-' ? '_' : a->s[i];
		char y = b->s[i] == '-' ? '_' : b->s[i];

		if (x != y)
			return false;
	}
	return true;
}

struct cmdword cmdword_value(const struct cmdword *w)
{
	size_t key = key_len(w);
	struct cmdword v = {w->s + w->n, 0};

	if (key == w->n)
		return v;
	v = (struct cmdword){w->s + key + 1, w->n - key - 1};
	if (v.n > 0 && *v.s == '"') {
		v.s++;
		v.n--;
		if (v.n > 0 && v.s[v.n - 1] == '"')
			v.n--;
	}
	return v;
}

bool cmdword_find(const char *line, const char *head, struct cmdword *ret)
{
	struct cmdword w;

	while (line && cmdword_next(&line, &w))
		if (cmdword_begins(&w, head)) {
			*ret = w;
			return true;
		}
	return false;
}

bool cmdword_has(const char *line, const char *word)
{
	struct cmdword w;

	while (cmdword_next(&line, &w))
		if (cmdword_is(&w, word))
			return true;
	return false;
}
