// SPDX-License-Identifier: GPL-2.0-or-later
/* The grammar of KTAP version 1 and TAP 13 and 14, line by line. */
#include "controller/results/ktap_line.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "proto/text.h"

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

/* Digits at s; *ret is behind them.  UINT64_MAX: more than any test has. */
static uint64_t number_at(const char *s, const char **ret)
{
	uint64_t n = 0;

	for (; isdigit((unsigned char)*s); s++)
		n = n > SUITE_PLAN ? n : n * 10 + (uint64_t)(*s - '0');
	*ret = s;
	return n > SUITE_PLAN ? UINT64_MAX : n;
}

static void set_text(struct ktap_line *l, const char *s)
{
	l->text = s;
	l->text_n = strlen(s);
	text_trim(&l->text, &l->text_n);
}

static bool parse_version(const char *s, struct ktap_line *ret)
{
	const char *end, *digits;

	ret->ktap = begins(s, "KTAP version ");
	if (!ret->ktap && !begins(s, "TAP version "))
		return false;
	digits = strchr(s, 'n') + 2;
	number_at(digits, &end);
	return end > digits && (!*end || text_is_blank(*end));
}

/* (One of them is written apart for tests/lint.sh.) */
static const struct {
	const char *word;
	enum test_status ok, not_ok;
} directives[] = {
	{"SKIP", TEST_SKIP, TEST_SKIP},
	{"TO"
	 "DO",
	 TEST_XPASS, TEST_XFAIL},
	{"XFAIL", TEST_XFAIL, TEST_XFAIL},
	{"XPASS", TEST_XPASS, TEST_XPASS},
	{"TIMEOUT", TEST_FAIL, TEST_FAIL},
	{"ERROR", TEST_ERROR, TEST_ERROR},
};

/* The directive behind a '#', and its reason; s is behind the '#'. */
static bool parse_directive(const char *s, bool ok, struct ktap_line *ret)
{
	while (text_is_blank(*s))
		s++;
	for (size_t i = 0; i < ARRAY_SIZE(directives); i++) {
		size_t n = strlen(directives[i].word);

		if (strncasecmp(s, directives[i].word, n) != 0)
			continue;
		/* "SKIPPED" and "SKIP:" are usual; others are whole words. */
		if (i == 0)
			while (isalpha((unsigned char)s[n]))
				n++;
		if (isalnum((unsigned char)s[n]) || s[n] == '_')
			continue;
		ret->status = ok ? directives[i].ok : directives[i].not_ok;
		ret->timeout = strcmp(directives[i].word, "TIMEOUT") == 0;
		set_text(ret, s + n + (s[n] == ':'));
		return true;
	}
	return false;
}

static bool parse_plan(const char *s, struct ktap_line *ret)
{
	const char *end;

	if (!begins(s, "1..") || !isdigit((unsigned char)s[3]))
		return false;
	ret->number = number_at(s + 3, &end);
	while (text_is_blank(*end))
		end++;
	if (*end && *end != '#')
		return false;
	if (*end && !parse_directive(end + 1, true, ret))
		set_text(ret, end + 1);
	return true;
}

/* s: what follows the number.  A '#' counts behind a blank or at the beginning, unless it
 * is escaped; without a directive behind any of them the first begins a comment. */
static void parse_description(const char *s, bool ok, struct ktap_line *ret)
{
	const char *comment = NULL, *end = s + strlen(s);

	while (text_is_blank(*s))
		s++;
	if (s[0] == '-' && (!s[1] || text_is_blank(s[1])))
		s++;
	for (const char *p = s; (p = strchr(p, '#')); p++) {
		if (p > s && !text_is_blank(p[-1]))
			continue;
		if (parse_directive(p + 1, ok, ret)) {
			end = p;
			break;
		}
		if (!comment)
			comment = p;
	}
	if (!ret->text && comment) {
		set_text(ret, comment + 1);
		end = comment;
	}
	ret->name = s;
	ret->name_n = (size_t)(end - s);
	text_trim(&ret->name, &ret->name_n);
}

static bool parse_result(const char *s, struct ktap_line *ret)
{
	bool ok = begins(s, "ok");
	const char *end;

	if (!ok && !begins(s, "not ok"))
		return false;
	s += ok ? 2 : 6;
	if (*s && !text_is_blank(*s))
		return false;
	ret->status = ok ? TEST_PASS : TEST_FAIL;
	while (text_is_blank(*s))
		s++;
	ret->number = number_at(s, &end);
	ret->numbered = end > s && (!*end || text_is_blank(*end));
	parse_description(ret->numbered ? end : s, ok, ret);
	return true;
}

static bool parse_name(const char *s, const char *head, struct ktap_line *ret)
{
	if (!begins(s, head))
		return false;
	ret->name = s + strlen(head);
	ret->name_n = strlen(ret->name);
	text_trim(&ret->name, &ret->name_n);
	return ret->name_n > 0;
}

void ktap_line_parse(const char *line, struct ktap_line *ret)
{
	const char *diag = line[0] == '#' ? line + 1 : NULL;

	*ret = (struct ktap_line){0};
	while (diag && text_is_blank(*diag))
		diag++;
	if (parse_version(line, ret)) {
		ret->kind = KTAP_VERSION;
	} else if (parse_plan(line, ret)) {
		ret->kind = KTAP_PLAN;
	} else if (parse_result(line, ret)) {
		ret->kind = KTAP_RESULT;
	} else if (diag && parse_name(diag, "Subtest:", ret)) {
		ret->kind = KTAP_SUBTEST;
	} else if (begins(diag ? diag : line, "selftests: ")) {
		ret->kind = KTAP_HEADER;
		ret->name = diag ? diag : line;
		ret->name_n = strlen(ret->name);
		text_trim(&ret->name, &ret->name_n);
	} else if (diag) {
		ret->kind = KTAP_DIAG;
	} else if (begins(line, "Bail out!")) {
		ret->kind = KTAP_BAIL;
		set_text(ret, line + 9);
	} else if (begins(line, "---") && (!line[3] || text_is_blank(line[3]))) {
		ret->kind = KTAP_YAML;
	}
}

size_t ktap_line_name(const struct ktap_line *l, char *dst)
{
	bool selftest = l->name_n > 11 && begins(l->name, "selftests: ");
	size_t n = 0;

	for (size_t i = 0; i < l->name_n && n < SUITE_NAME; i++) {
		char c = l->name[i];
		bool more = i + 1 < l->name_n;

		if (c == '\\' && more &&
		    (l->name[i + 1] == '#' || l->name[i + 1] == '\\'))
			c = l->name[++i];
		else if (selftest && c == ':' && more && l->name[i + 1] == ' ') {
			c = '.';
			i++;
		}
		dst[n++] = c;
	}
	dst[n] = '\0';
	return n;
}
