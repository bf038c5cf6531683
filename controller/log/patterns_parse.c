/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pattern files: sections of "key = value" lines.  What is wrong is said with file and
 * line, and nothing is guessed.
 */
#include <ctype.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "controller/log/patterns_internal.h"
#include "controller/near.h"
#include "controller/strf.h"
#include "proto/reason.h"
#include "proto/text.h"

struct parser {
	struct patterns *ps;
	const char *name;
	unsigned line;
	struct pattern *p;    /* of this section; NULL: a section of lists, or none */
	struct strings *list; /* the section is this list ... */
	const char *list_key; /* ... of these keys */
	bool severity_given;
	struct kf_error *err;
};

static int wrong(const struct parser *x, const char *fmt, ...) _printf_(2, 3);
static int wrong(const struct parser *x, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	kf_verr(x->err, -EINVAL, KF_REASON_CONFIG, fmt, ap);
	va_end(ap);
	kf_err_wrap(x->err, "%s:%u", x->name, x->line);
	return -EINVAL;
}

static int no_memory(const struct parser *x)
{
	return kf_err(x->err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

/* --- a section's end ------------------------------------------------------------ */

/* What a pattern lacks is told at the place where it begins. */
static int finish(struct parser *x)
{
	struct pattern *p = x->p;
	const char *lacks = NULL;

	x->p = NULL;
	x->list = NULL;
	if (!p)
		return 0;
	if (p->text.n == 0)
		lacks = "text: a literal that its lines have, for the quick first look";
	else if (p->kind == PATTERN_FINDING && !x->severity_given)
		lacks = "severity: info, warn, error or fatal";
	else if (p->kind == PATTERN_RANGE && p->end.n == 0 && !p->until)
		lacks = "end or until: how the range ends";
	else if (p->yes.n == 0)
		lacks = "yes: a line that it is for, as an example and a test";
	else if (p->no.n == 0)
		lacks = "no: a line that looks alike and is not meant";
	if (lacks)
		return kf_err(x->err, -EINVAL, KF_REASON_CONFIG, "%s: [%s] has no %s",
			      p->place, p->name, lacks);
	return 0;
}

/* --- sections ------------------------------------------------------------------- */

static const struct {
	const char *word;
	enum pattern_kind kind;
	unsigned lines;
} kinds[] = {
	{"finding", PATTERN_FINDING, 0}, {"ignore", PATTERN_IGNORE, 0},
	{"range", PATTERN_RANGE, 200},	 {"banner", PATTERN_BANNER, 0},
	{"loader", PATTERN_LOADER, 0},	 {"restart", PATTERN_RESTART, 0},
	{"replay", PATTERN_REPLAY, 0},	 {"cut", PATTERN_CUT, 0},
};

static int add_pattern(struct parser *x, size_t kind, const char *name)
{
	struct patterns *ps = x->ps;
	struct pattern *p;

	if (!text_is_name(name))
		return wrong(x, "\"%s\" is no name: letters, digits and . _ + - ~", name);
	if (ps->n >= PATTERNS_MAX)
		return wrong(x, "more than %u patterns", PATTERNS_MAX);
	p = &ps->list[ps->n];
	*p = (struct pattern){.kind = kinds[kind].kind, .lines = kinds[kind].lines};
	ps->n++;
	p->name = strdup(name);
	p->place = strf("%s:%u", x->name, x->line);
	x->p = p;
	x->severity_given = false;
	return p->name && p->place ? 0 : no_memory(x);
}

/* "[finding oops]" */
static int section(struct parser *x, char *s, size_t n)
{
	char *name;
	int r = finish(x);

	if (r < 0)
		return r;
	if (s[n - 1] != ']')
		return wrong(x, "a section ends with ]");
	s[n - 1] = '\0';
	s++;
	name = strchr(s, ' ');
	if (!name && strcmp(s, "prefix") == 0) {
		x->list = &x->ps->prefix;
		x->list_key = "text";
		return 0;
	}
	if (!name && strcmp(s, "frames") == 0) {
		x->list = &x->ps->skip;
		x->list_key = "skip";
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && name; i++) {
		if ((size_t)(name - s) == strlen(kinds[i].word) &&
		    memcmp(s, kinds[i].word, strlen(kinds[i].word)) == 0)
			return add_pattern(x, i, name + 1);
	}
	return wrong(
		x,
		"there is no section [%s]; there are [finding CLASS], [ignore NAME], "
		"[range NAME], [banner NAME], [loader NAME], [restart NAME], [replay "
		"NAME], [cut NAME], [prefix] and [frames]",
		s);
}

/* --- values --------------------------------------------------------------------- */

static int add_text(struct parser *x, struct strings *to, const char *v, size_t least)
{
	if (strlen(v) < least)
		return wrong(x, "\"%s\" is too short: at least %zu bytes", v, least);
	return strings_add(to, v, strlen(v)) < 0 ? no_memory(x) : 0;
}

static int add_regex(struct parser *x, const char *v, pcre2_code **ret)
{
	PCRE2_UCHAR why[128];
	PCRE2_SIZE at;
	int code;

	if (*ret)
		return wrong(x, "one regular expression is all that a pattern has");
	*ret = pcre2_compile((PCRE2_SPTR)v, strlen(v), PCRE2_DUPNAMES, &code, &at, NULL);
	if (!*ret) {
		pcre2_get_error_message(code, why, sizeof(why));
		return wrong(x, "regular expression, byte %zu: %s", (size_t)at + 1,
			     (const char *)why);
	}
	/* Where that is not allowed, the interpreter does it. */
	pcre2_jit_compile(*ret, PCRE2_JIT_COMPLETE);
	return 0;
}

/* Names may stand in several branches; the group is then the first of them that is set,
 * so each branch needs its own: PCRE2's (?| ) makes them one. */
static int group_of(const pcre2_code *code, const char *name)
{
	int n = pcre2_substring_number_from_name(code, (PCRE2_SPTR)name);

	return n > 0 ? n : 0;
}

static int set_match(struct parser *x, const char *v)
{
	struct pattern *p = x->p;
	int r = add_regex(x, v, &p->match);

	if (r < 0)
		return r;
	p->regex = strdup(v);
	p->func = group_of(p->match, "func");
	p->file = group_of(p->match, "file");
	p->line = group_of(p->match, "line");
	return p->regex ? 0 : no_memory(x);
}

static int set_number(struct parser *x, const char *v, unsigned *ret)
{
	char *end;
	unsigned long n = isdigit((unsigned char)*v) ? strtoul(v, &end, 10) : ULONG_MAX;

	if (n > PATTERN_LINES_MAX || *end)
		return wrong(x, "\"%s\" is no number of lines from 0 to %u", v,
			     PATTERN_LINES_MAX);
	*ret = (unsigned)n;
	return 0;
}

static int set_severity(struct parser *x, const char *v, enum severity *ret)
{
	if (severity_parse(v, ret) < 0)
		return wrong(x, "\"%s\" is no severity: info, warn, error or fatal", v);
	return 0;
}

static int set_flag(struct parser *x, const char *v, const char *no, const char *yes,
		    bool *ret)
{
	*ret = strcmp(v, yes) == 0;
	if (!*ret && strcmp(v, no) != 0)
		return wrong(x, "\"%s\" is neither \"%s\" nor \"%s\"", v, no, yes);
	return 0;
}

static int set_each(struct parser *x, const char *v)
{
	if (x->p->each)
		return wrong(x, "one \"each\" is all that a pattern has");
	x->p->each = strdup(v);
	return x->p->each ? 0 : no_memory(x);
}

/* --- keys ----------------------------------------------------------------------- */

enum key {
	TEXT,
	MATCH,
	YES,
	NO,
	WHERE,
	SEVERITY,
	LINES,
	END,
	UNTIL,
	JOINS,
	FOLLOWS,
	TITLE,
	EACH
};

#define KIND(k) (1u << PATTERN_##k)
#define ALL                                                                              \
	(KIND(FINDING) | KIND(IGNORE) | KIND(RANGE) | KIND(BANNER) | KIND(LOADER) |      \
	 KIND(RESTART) | KIND(REPLAY) | KIND(CUT))

static const struct {
	const char *name;
	unsigned kinds; /* that have it */
} keys[] = {
	[TEXT] = {"text", ALL},
	[MATCH] = {"match", ALL},
	[YES] = {"yes", ALL},
	[NO] = {"no", ALL},
	[WHERE] = {"where", ALL},
	[SEVERITY] = {"severity", KIND(FINDING)},
	[LINES] = {"lines", KIND(FINDING) | KIND(RANGE)},
	[END] = {"end", KIND(FINDING) | KIND(RANGE)},
	[UNTIL] = {"until", KIND(FINDING) | KIND(RANGE)},
	[JOINS] = {"joins", KIND(FINDING)},
	[FOLLOWS] = {"follows", KIND(FINDING)},
	[TITLE] = {"title", KIND(FINDING)},
	[EACH] = {"each", KIND(FINDING)},
};

static int set(struct parser *x, enum key key, const char *v)
{
	struct pattern *p = x->p;

	switch (key) {
	case TEXT:
		return add_text(x, &p->text, v, PATTERN_TEXT_MIN);
	case MATCH:
		return set_match(x, v);
	case YES:
		return add_text(x, &p->yes, v, 1);
	case NO:
		return add_text(x, &p->no, v, 1);
	case WHERE:
		return set_flag(x, v, "start", "anywhere", &p->anywhere);
	case SEVERITY:
		x->severity_given = true;
		return set_severity(x, v, &p->severity);
	case LINES:
		return set_number(x, v, &p->lines);
	case END:
		return add_text(x, &p->end, v, PATTERN_TEXT_MIN);
	case UNTIL:
		return add_regex(x, v, &p->until);
	case JOINS:
		return set_number(x, v, &p->joins);
	case FOLLOWS:
		p->follows = true;
		return set_severity(x, v, &p->follows_from);
	case TITLE:
		return set_flag(x, v, "head", "before", &p->title_before);
	case EACH:
		return set_each(x, v);
	}
	return 0;
}

static int unknown_key(struct parser *x, const char *name, unsigned kind)
{
	const char *near = "text";
	unsigned best = ~0u;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		unsigned d = near_distance(name, keys[i].name);

		if ((keys[i].kinds & kind) && d < best) {
			best = d;
			near = keys[i].name;
		}
	}
	return wrong(x, "a section of this kind has no \"%s\"; is \"%s\" meant?", name,
		     near);
}

/* "key = value"; a value in double quotes keeps its blanks at both ends. */
static int assignment(struct parser *x, char *s)
{
	char *eq = strchr(s, '='), *name_end = eq, *v;
	unsigned kind = x->p ? 1u << x->p->kind : 0;
	size_t n;

	if (!eq || eq == s)
		return wrong(x, "neither [section], nor key = value, nor # comment");
	while (name_end > s && text_is_blank(name_end[-1]))
		name_end--;
	*name_end = '\0';
	v = eq + 1;
	v += strspn(v, " \t");
	n = strlen(v);
	if (n == 0)
		return wrong(x, "\"%s\" has no value", s);
	if (n >= 2 && v[0] == '"' && v[n - 1] == '"') {
		v[n - 1] = '\0';
		v++;
	}
	if (x->list) {
		if (strcmp(s, x->list_key) != 0)
			return wrong(x, "this section has nothing but \"%s\"",
				     x->list_key);
		return add_text(x, x->list, v, 1);
	}
	if (!x->p)
		return wrong(x, "\"%s\" stands in no section", s);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(s, keys[i].name) == 0 && (keys[i].kinds & kind))
			return set(x, (enum key)i, v);
	}
	return unknown_key(x, s, kind);
}

static int one_line(struct parser *x, const char *s, size_t n)
{
	char copy[PATTERN_LINE_MAX + 1];

	text_trim(&s, &n);
	if (n == 0 || *s == '#')
		return 0;
	if (n > PATTERN_LINE_MAX)
		return wrong(x, "a line of more than %u bytes", PATTERN_LINE_MAX);
	if (memchr(s, '\0', n))
		return wrong(x, "a NUL byte: this is no pattern file");
	memcpy(copy, s, n);
	copy[n] = '\0';
	return *copy == '[' ? section(x, copy, n) : assignment(x, copy);
}

int patterns_parse(struct patterns *ps, const char *name, const char *text, size_t n,
		   struct kf_error *err)
{
	struct parser x = {.ps = ps, .name = name, .err = err};
	int r = 0;

	for (size_t at = 0; at < n && r == 0;) {
		const char *nl = memchr(text + at, '\n', n - at);
		size_t len = nl ? (size_t)(nl - (text + at)) : n - at;

		x.line++;
		r = one_line(&x, text + at, len);
		at += len + 1;
	}
	return r < 0 ? r : finish(&x);
}
