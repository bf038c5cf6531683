// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/mail/subject.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define DIGITS 3

/* Between words in brackets. */
static bool between(char c)
{
	return c == ' ' || c == '\t' || c == ',' || c == ';';
}

/* A number of at most DIGITS digits that takes all of s[0..n). */
static bool number(const char *s, size_t n, unsigned *ret)
{
	unsigned value = 0;

	if (n == 0 || n > DIGITS)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)s[i]))
			return false;
		value = value * 10 + (unsigned)(s[i] - '0');
	}
	*ret = value;
	return true;
}

static bool fraction(const char *s, size_t n, struct subject *r)
{
	const char *slash = memchr(s, '/', n);
	size_t before = slash ? (size_t)(slash - s) : 0;
	unsigned index, total;

	if (!slash || !number(s, before, &index) ||
	    !number(slash + 1, n - before - 1, &total) || total == 0 || index > total)
		return false;
	r->index = index;
	r->total = total;
	r->numbered = true;
	return true;
}

static bool is(const char *s, size_t n, const char *word)
{
	return n == strlen(word) && strncasecmp(s, word, n) == 0;
}

static bool version(const char *s, size_t n, struct subject *r)
{
	unsigned value;

	if (n < 2 || (*s != 'v' && *s != 'V') || !number(s + 1, n - 1, &value) || !value)
		return false;
	r->version = value;
	return true;
}

/* "PATCHv2" is written, too. */
static void word(const char *s, size_t n, struct subject *r)
{
	static const struct {
		const char *text;
		bool rfc;
	} kinds[] = {{"PATCH", false},
		     {"PATCHSET", false},
		     {"RFC/PATCH", true},
		     {"PATCH/RFC", true},
		     {"RFC", true}};

	if (fraction(s, n, r) || version(s, n, r))
		return;
	if (is(s, n, "RESEND") || is(s, n, "REPOST") || is(s, n, "RE-SEND"))
		r->resend = true;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		size_t len = strlen(kinds[i].text);

		if (n < len || strncasecmp(s, kinds[i].text, len) != 0)
			continue;
		if (n > len && !version(s + len, n - len, r))
			continue;
		r->patch = true;
		r->rfc = r->rfc || kinds[i].rfc;
		return;
	}
}

static void words(const char *s, size_t n, struct subject *r)
{
	for (size_t at = 0; at < n;) {
		size_t end = at;

		while (end < n && !between(s[end]))
			end++;
		if (end > at)
			word(s + at, end - at, r);
		at = end + 1;
	}
}

static const char *skip_blanks(const char *s)
{
	while (*s == ' ' || *s == '\t')
		s++;
	return s;
}

void subject_parse(const char *text, struct subject *ret)
{
	struct subject r = {.version = 1, .index = 1, .total = 1};
	const char *s = skip_blanks(text);
	const char *end;

	while (strncasecmp(s, "re:", 3) == 0 || strncasecmp(s, "aw:", 3) == 0) {
		r.reply = true;
		s = skip_blanks(s + 3);
	}
	while (*s == '[' && (end = strchr(s, ']'))) {
		words(s + 1, (size_t)(end - s) - 1, &r);
		s = skip_blanks(end + 1);
	}
	r.title = s;
	*ret = r;
}
