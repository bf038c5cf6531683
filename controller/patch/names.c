// SPDX-License-Identifier: GPL-2.0-or-later
/* Names in the lines where the scripts take a line for one with a name. */
#include "controller/patch/names.h"

#include <ctype.h>
#include <string.h>

#define LICENCE "SPDX-License-Identifier:"

bool names_is_plain(const char *name, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("/._+,-=@:%", name[i]))
			return false;
	/* strchr() finds its own end, too. */
	return n > 0 && !memchr(name, '\0', n);
}

static size_t skip_blanks(const char *line, size_t n, size_t at)
{
	while (at < n && isspace((unsigned char)line[at]))
		at++;
	return at;
}

static size_t word_end(const char *line, size_t n, size_t at)
{
	while (at < n && !isspace((unsigned char)line[at]))
		at++;
	return at;
}

/* Every word from `at` on, or `words` of them. */
static bool bad_words(const char *line, size_t n, size_t at, unsigned words,
		      size_t *ret_at, size_t *ret_len)
{
	while (words-- && (at = skip_blanks(line, n, at)) < n) {
		size_t end = word_end(line, n, at);

		if (!names_is_plain(line + at, end - at)) {
			*ret_at = at;
			*ret_len = end - at;
			return true;
		}
		at = end;
	}
	return false;
}

/* Within double quotes a shell still sees these. */
static bool bad_licence(const char *line, size_t n, size_t *ret_at, size_t *ret_len)
{
	const char *at = memmem(line, n, LICENCE, strlen(LICENCE));
	size_t rest = at ? n - (size_t)(at - line) : 0;

	for (size_t i = 0; i < rest; i++) {
		if (!strchr("$`\"\\", at[i]) || !at[i])
			continue;
		*ret_at = (size_t)(at - line);
		*ret_len = rest;
		return true;
	}
	return false;
}

static bool bad_line(const char *line, size_t n, size_t *ret_at, size_t *ret_len)
{
	static const struct {
		const char *head;
		unsigned words;
	} heads[] = {{"diff --git", 64},
		     {"+++", 1},
		     {"---", 1},
		     {"rename from ", 1},
		     {"rename to ", 1}};

	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		size_t len = strlen(heads[i].head);

		if (n > len && !memcmp(line, heads[i].head, len) &&
		    isspace((unsigned char)line[len - (line[len - 1] == ' ')]))
			return bad_words(line, n, len, heads[i].words, ret_at, ret_len);
	}
	if (n > 13 && !memcmp(line, " mode change ", 13)) {
		const char *arrow = memmem(line, n, "=> ", 3);
		size_t at = arrow ? word_end(line, n, (size_t)(arrow - line) + 3) : n;

		return bad_words(line, n, at, 1, ret_at, ret_len);
	}
	return bad_licence(line, n, ret_at, ret_len);
}

bool names_find_bad(const char *text, size_t n, size_t *ret_at, size_t *ret_len)
{
	for (size_t begin = 0; begin < n;) {
		const char *end = memchr(text + begin, '\n', n - begin);
		size_t len = end ? (size_t)(end - text) - begin : n - begin, at;

		if (bad_line(text + begin, len, &at, ret_len)) {
			*ret_at = begin + at;
			return true;
		}
		begin += len + 1;
	}
	return false;
}
