// SPDX-License-Identifier: GPL-2.0-or-later
/* LTP's lines, one by one. */
#include "controller/results/ltp_line.h"

#include <ctype.h>
#include <string.h>

#include "proto/text.h"

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

static const struct {
	const char *word;
	size_t at; /* in struct ltp_counts */
} words[] = {
	{"TPASS", offsetof(struct ltp_counts, pass)},
	{"TFAIL", offsetof(struct ltp_counts, fail)},
	{"TBROK", offsetof(struct ltp_counts, broken)},
	{"TCONF", offsetof(struct ltp_counts, conf)},
	{"TWARN", offsetof(struct ltp_counts, warn)},
};

static uint64_t *count_at(struct ltp_counts *c, size_t at)
{
	return (uint64_t *)((char *)c + at);
}

/* Is the word at `at` a result: behind "file.c:12: " or a number, before a ':'? */
static bool is_result(const char *line, const char *at)
{
	const char *before = at, *behind = at + 5;

	if (at == line || !text_is_blank(at[-1]))
		return false;
	while (before > line && text_is_blank(before[-1]))
		before--;
	if (before == line || !(before[-1] == ':' || isdigit((unsigned char)before[-1])))
		return false;
	while (text_is_blank(*behind))
		behind++;
	return *behind == ':';
}

/* The program's name: of its source, or the first word of the older form. */
static void take_name(const char *line, char *name)
{
	size_t n = strcspn(line, " :\t");
	const char *slash = memrchr(line, '/', n);

	if (slash) {
		n -= (size_t)(slash + 1 - line);
		line = slash + 1;
	}
	if (n > 2 && strncmp(line + n - 2, ".c", 2) == 0)
		n -= 2;
	/* The library speaks for the program. */
	if (n == 0 || n > SUITE_NAME || begins(line, "tst_"))
		return;
	memcpy(name, line, n);
	name[n] = '\0';
}

bool ltp_line_result(const char *line, struct ltp_counts *c, char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const char *at = strstr(line, words[i].word);

		if (!at || !is_result(line, at))
			continue;
		++*count_at(c, words[i].at);
		if (name)
			take_name(line, name);
		return true;
	}
	return false;
}

bool ltp_line_summary(const char *line, struct ltp_counts *c)
{
	static const char *const names[] = {"passed", "failed", "broken", "skipped",
					    "warnings"};
	size_t n = strcspn(line, " \t:");
	const char *p = line + n + strspn(line + n, " \t:");

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (n != strlen(names[i]) || strncmp(line, names[i], n) != 0)
			continue;
		if (!isdigit((unsigned char)*p))
			return false;
		*count_at(c, words[i].at) += strtoul(p, NULL, 10) & 0xffffff;
		return true;
	}
	return false;
}

/* "(0.003s)", "(1h 0m 10s)": milliseconds, or -1. */
static int64_t duration_of(const char *s)
{
	double seconds = 0;

	if (*s++ != '(')
		return -1;
	while (isdigit((unsigned char)*s)) {
		char *end;
		double part = strtod(s, &end);

		if (part > 1e6)
			return -1;
		seconds += *end == 'h' ? part * 3600 : *end == 'm' ? part * 60 : part;
		s = end + (*end != '\0');
		s += strspn(s, " ");
	}
	return *s == ')' ? (int64_t)(seconds * 1000 + 0.5) : -1;
}

bool ltp_line_kirk(const char *line, struct ltp_kirk *ret)
{
	static const struct {
		const char *word;
		enum test_status status;
		const char *why;
		bool timed;
	} ends[] = {
		{"pass", TEST_PASS, NULL, true},
		{"fail", TEST_FAIL, NULL, true},
		{"skip", TEST_SKIP, NULL, true},
		{"broken", TEST_ERROR, "broken", true},
		{"timed out", TEST_FAIL, "timed out", false},
		{"kernel panic", TEST_FAIL, "kernel panic", false},
		{"SUT not responding", TEST_ERROR, "the board does not answer", false},
	};
	const char *p = line + strcspn(line, ": \t");

	*ret = (struct ltp_kirk){
		.name = line, .name_n = (size_t)(p - line), .took_ms = -1};
	if (ret->name_n == 0 || *p++ != ':')
		return false;
	p += strspn(p, " ");
	ret->runs = !*p;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		if (!begins(p, ends[i].word))
			continue;
		ret->status = ends[i].status;
		ret->why = ends[i].why;
		p += strlen(ends[i].word);
		if (ends[i].timed && begins(p, " | tainted")) {
			ret->why = "the kernel is tainted since";
			p += strlen(" | tainted");
		}
		p += strspn(p, " ");
		ret->took_ms = duration_of(p);
		return ends[i].timed ? ret->took_ms >= 0 : !*p;
	}
	return ret->runs;
}

bool ltp_line_row(const char *line, struct ltp_row *ret)
{
	size_t n = strcspn(line, " \t");
	const char *p = line + n;
	size_t word;
	char *end;

	p += strspn(p, " \t");
	word = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	if (n == 0 || word < 4 || word >= sizeof(ret->result) || !text_is_blank(p[word]))
		return false;
	*ret = (struct ltp_row){.name = line, .name_n = n};
	memcpy(ret->result, p, word);
	p += word;
	p += strspn(p, " \t");
	ret->exit = strtoul(p, &end, 10);
	return end > p && !end[strspn(end, " \t")];
}

const char *ltp_line_field(const char *line, const char *key, size_t *ret_n)
{
	size_t n = strlen(key);

	*ret_n = 0;
	for (const char *p = line; (p = strstr(p, key)); p += n) {
		if ((p > line && !text_is_blank(p[-1])) || p[n] != '=')
			continue;
		*ret_n = strcspn(p + n + 1, " \t");
		return p + n + 1;
	}
	return NULL;
}
