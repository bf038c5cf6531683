/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/import/kwfile.h"

#include <ctype.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/text.h"

void kwfile_fini(struct kwfile *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->v[i].key);
		free(f->v[i].value);
		free(f->v[i].host);
	}
	free(f->v);
	free(f->fallback);
	*f = (struct kwfile){0};
}

struct text {
	const char *s;
	size_t n;
};

static struct text trimmed(struct text t)
{
	text_trim(&t.s, &t.n);
	return t;
}

static bool begins(struct text t, const char *with)
{
	return t.n >= strlen(with) && memcmp(t.s, with, strlen(with)) == 0;
}

/* At most KWFILE_VALUE bytes, characters whole, and a tab is a blank. */
static char *one_line(struct text t)
{
	char *copy;

	if (t.n > KWFILE_VALUE) {
		t.n = KWFILE_VALUE;
		while (t.n > 0 && ((unsigned char)t.s[t.n] & 0xc0) == 0x80)
			t.n--;
	}
	copy = strndup(t.s, t.n);
	for (char *c = copy; c && *c; c++)
		*c = *c == '\t' ? ' ' : *c;
	return copy;
}

static int add(struct kwfile *f, struct text key, struct text value, const char *host,
	       unsigned line)
{
	struct kwline *more;

	if (f->n == KWFILE_LINES) {
		f->cut = true;
		return 0;
	}
	more = reallocarray(f->v, f->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	f->v = more;
	more += f->n++;
	*more = (struct kwline){.key = strndup(key.s, key.n),
				.value = one_line(value),
				.host = host ? strdup(host) : NULL,
				.line = line};
	return more->key && more->value && (!host || more->host) ? 0 : -ENOMEM;
}

/* 1: the next line, 0: there is none, -EBADMSG: it is no plain text. */
static int next_line(struct text *rest, struct text *line)
{
	const char *nl;

	if (rest->n == 0)
		return 0;
	nl = memchr(rest->s, '\n', rest->n);
	line->s = rest->s;
	line->n = nl ? (size_t)(nl - rest->s) : rest->n;
	rest->s += line->n + (nl != NULL);
	rest->n -= line->n + (nl != NULL);
	if (line->n > 0 && line->s[line->n - 1] == '\r')
		line->n--;
	*line = trimmed(*line);
	return text_is_plain(line->s, line->n, true) ? 1 : -EBADMSG;
}

static bool is_key(struct text t)
{
	for (size_t i = 0; i < t.n; i++) {
		if (!isalnum((unsigned char)t.s[i]) && t.s[i] != '_' && t.s[i] != '-')
			return false;
	}
	return t.n > 0 && t.n <= 64;
}

/* Quotes around all of a value are the file's. */
static struct text unquoted(struct text t)
{
	if (t.n >= 2 && (t.s[0] == '"' || t.s[0] == '\'') && t.s[t.n - 1] == t.s[0] &&
	    !memchr(t.s + 1, t.s[0], t.n - 2))
		return (struct text){t.s + 1, t.n - 2};
	return t;
}

static int take_setting(struct kwfile *f, struct text t, unsigned line)
{
	static const struct text none = {"", 0};
	const char *equals = memchr(t.s, '=', t.n);
	struct text key = none, value = t;

	if (equals) {
		key = trimmed((struct text){t.s, (size_t)(equals - t.s)});
		value = trimmed(
			(struct text){equals + 1, t.n - (size_t)(equals - t.s) - 1});
		value = unquoted(value);
	}
	if (!is_key(key)) {
		key = none;
		value = t;
	}
	return add(f, key, value, NULL, line);
}

int kwfile_parse(const char *text, size_t n, struct kwfile *ret)
{
	struct text rest = {text, n}, line;
	unsigned number = 0;
	int r = n <= KWFILE_MAX ? 0 : -EBADMSG;

	*ret = (struct kwfile){0};
	while (r == 0 && (r = next_line(&rest, &line)) > 0) {
		number++;
		r = 0;
		if (line.n > 0 && line.s[0] != '#')
			r = take_setting(ret, line, number);
	}
	if (r < 0)
		kwfile_fini(ret);
	return r;
}

/* --- remotes --------------------------------------------------------------------------
 */

#define DEFAULT "#kw-default="

static int set(char **to, struct text t)
{
	free(*to);
	*to = strndup(t.s, t.n);
	return *to ? 0 : -ENOMEM;
}

/* "Port 22", and "Port=22" as ssh has it, too. */
static void split(struct text t, struct text *key, struct text *value)
{
	size_t n = 0;

	while (n < t.n && !text_is_blank(t.s[n]) && t.s[n] != '=')
		n++;
	*key = (struct text){t.s, n};
	while (n < t.n && (text_is_blank(t.s[n]) || t.s[n] == '='))
		n++;
	*value = unquoted((struct text){t.s + n, t.n - n});
}

static int take_remote(struct kwfile *f, struct text t, char **host, unsigned line)
{
	struct text key, value;
	int r;

	split(t, &key, &value);
	if (!is_key(key) || value.n == 0)
		return add(f, (struct text){"", 0}, t, *host ? *host : "", line);
	if (key.n == 4 && strncasecmp(key.s, "host", 4) == 0 && set(host, value) < 0)
		return -ENOMEM;
	r = add(f, key, value, *host ? *host : "", line);
	for (char *c = r == 0 && !f->cut ? f->v[f->n - 1].key : NULL; c && *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return r;
}

int kwfile_parse_remotes(const char *text, size_t n, struct kwfile *ret)
{
	struct text rest = {text, n}, line;
	_free_ char *host = NULL;
	unsigned number = 0;
	int r = n <= KWFILE_MAX ? 0 : -EBADMSG;

	*ret = (struct kwfile){0};
	while (r == 0 && (r = next_line(&rest, &line)) > 0) {
		number++;
		r = 0;
		if (begins(line, DEFAULT))
			r = set(&ret->fallback,
				trimmed((struct text){line.s + strlen(DEFAULT),
						      line.n - strlen(DEFAULT)}));
		else if (line.n > 0 && line.s[0] != '#')
			r = take_remote(ret, line, &host, number);
	}
	if (r < 0)
		kwfile_fini(ret);
	return r;
}
