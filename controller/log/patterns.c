/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trying patterns on a line.  A user's regular expression may be a slow one: PCRE2's
 * limits end it, and then it has not matched.
 */
#include <ctype.h>
#include <string.h>

#include "controller/log/patterns_internal.h"
#include "proto/reason.h"

#define MATCH_LIMIT 100000u /* PCRE2's steps: some milliseconds */
#define HEAP_LIMIT  2048u   /* KiB */
#define GROUPS	    16u

int strings_add(struct strings *s, const char *text, size_t n)
{
	char **v = reallocarray(s->v, s->n + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	s->v = v;
	s->v[s->n] = strndup(text, n);
	if (!s->v[s->n])
		return -ENOMEM;
	s->n++;
	return 0;
}

void strings_fini(struct strings *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
}

void pattern_fini(struct pattern *p)
{
	free(p->name);
	free(p->place);
	strings_fini(&p->text);
	strings_fini(&p->end);
	strings_fini(&p->yes);
	strings_fini(&p->no);
	free(p->literal);
	free(p->each);
	free(p->regex);
	pcre2_code_free(p->match);
	pcre2_code_free(p->until);
}

int patterns_new(struct patterns **ret)
{
	_cleanup_(patterns_freep) struct patterns *ps = calloc(1, sizeof(*ps));

	if (!ps || literals_new(&ps->literals) < 0)
		return -ENOMEM;
	ps->limits = pcre2_match_context_create(NULL);
	if (!ps->limits)
		return -ENOMEM;
	pcre2_set_match_limit(ps->limits, MATCH_LIMIT);
	pcre2_set_heap_limit(ps->limits, HEAP_LIMIT);
	*ret = TAKE_PTR(ps);
	return 0;
}

void patterns_free(struct patterns *ps)
{
	if (!ps)
		return;
	for (size_t i = 0; i < ps->n; i++)
		pattern_fini(&ps->list[i]);
	strings_fini(&ps->prefix);
	strings_fini(&ps->skip);
	literals_free(ps->literals);
	pcre2_match_context_free(ps->limits);
	free(ps);
}

int patterns_build(struct patterns *ps, struct kf_error *err)
{
	unsigned id;

	/* What may hide a literal: such lines are looked at again without it. */
	if (literals_add(ps->literals, "\r", 1, &id) < 0 ||
	    literals_add(ps->literals, "\033", 1, &id) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	for (size_t i = 0; i < ps->n; i++) {
		struct pattern *p = &ps->list[i];

		p->literal = calloc(p->text.n, sizeof(*p->literal));
		if (!p->literal)
			return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
		for (size_t k = 0; k < p->text.n; k++) {
			int rc = literals_add(ps->literals, p->text.v[k],
					      strlen(p->text.v[k]), &p->literal[k]);

			if (rc < 0)
				return kf_err(err, rc, KF_REASON_CONFIG,
					      "%s: too much text in all pattern files: "
					      "at most %u literals of %u bytes together",
					      p->place, LITERALS_MAX, LITERALS_BYTES_MAX);
		}
	}
	if (literals_build(ps->literals) < 0)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	return 0;
}

size_t patterns_count(const struct patterns *ps)
{
	return ps->n;
}

const struct pattern *patterns_at(const struct patterns *ps, size_t i)
{
	return i < ps->n ? &ps->list[i] : NULL;
}

pcre2_match_data *patterns_match_data(void)
{
	return pcre2_match_data_create(GROUPS, NULL);
}

bool patterns_may_match(const struct patterns *ps, const char *s, size_t n,
			struct literal_set *hits)
{
	literals_scan(ps->literals, s, n, hits);
	return hits->any;
}

/* --- one line ------------------------------------------------------------------- */

static bool begins(const char *s, size_t n, const char *with)
{
	size_t len = strlen(with);

	return n >= len && memcmp(s, with, len) == 0;
}

/* "watchdog: CPU3: Watchdog detected ...": a CPU may be named as well. */
static size_t cpu_prefix(const char *s, size_t n)
{
	size_t at = 3;

	if (!begins(s, n, "CPU"))
		return 0;
	while (at < n && isdigit((unsigned char)s[at]))
		at++;
	return at > 3 && at + 1 < n && s[at] == ':' && s[at + 1] == ' ' ? at + 2 : 0;
}

static size_t prefixes(const struct patterns *ps, const char *s, size_t n)
{
	size_t at = 0, cut;

	do {
		cut = cpu_prefix(s + at, n - at);
		for (size_t i = 0; i < ps->prefix.n && cut == 0; i++) {
			if (begins(s + at, n - at, ps->prefix.v[i]))
				cut = strlen(ps->prefix.v[i]);
		}
		at += cut;
	} while (cut);
	return at;
}

static void group(pcre2_match_data *data, int number, const char *s, const char **ret,
		  size_t *ret_n)
{
	const PCRE2_SIZE *v = pcre2_get_ovector_pointer(data);

	if (number <= 0 || (uint32_t)number >= pcre2_get_ovector_count(data) ||
	    v[2 * number] == PCRE2_UNSET || v[2 * number + 1] <= v[2 * number])
		return;
	*ret = s + v[2 * number];
	*ret_n = v[2 * number + 1] - v[2 * number];
}

static bool regex_fits(const struct patterns *ps, const struct pattern *p,
		       pcre2_match_data *data, const char *s, size_t n,
		       struct pattern_match *ret)
{
	int rc = pcre2_match(p->match, (PCRE2_SPTR)s, n, 0, 0, data, ps->limits);
	const PCRE2_SIZE *v = pcre2_get_ovector_pointer(data);

	if (rc < 0)
		return false;
	if (p->anywhere && v[0] < n) {
		ret->title = s + v[0];
		ret->title_n = n - v[0];
	}
	group(data, p->func, s, &ret->func, &ret->func_n);
	group(data, p->file, s, &ret->file, &ret->file_n);
	group(data, p->line, s, &ret->line, &ret->line_n);
	return true;
}

bool pattern_fits(const struct patterns *ps, const struct pattern *p,
		  pcre2_match_data *data, const char *s, size_t n,
		  struct pattern_match *ret)
{
	size_t at = prefixes(ps, s, n);
	const char *found = NULL;

	for (size_t i = 0; i < p->text.n && !found; i++) {
		const char *t = p->text.v[i];

		if (p->anywhere)
			found = memmem(s, n, t, strlen(t));
		else if (begins(s + at, n - at, t))
			found = s + at;
	}
	if (!found)
		return false;
	*ret = (struct pattern_match){.p = p, .title = found};
	ret->title_n = n - (size_t)(found - s);
	if (!p->match)
		return true;
	return p->anywhere ? regex_fits(ps, p, data, s, n, ret)
			   : regex_fits(ps, p, data, s + at, n - at, ret);
}

static bool hit(const struct pattern *p, const struct literal_set *hits)
{
	for (size_t i = 0; i < p->text.n; i++) {
		if (literal_set_has(hits, p->literal[i]))
			return true;
	}
	return false;
}

bool patterns_find(const struct patterns *ps, pcre2_match_data *data,
		   const struct literal_set *hits, const char *s, size_t n,
		   struct pattern_match *ret)
{
	for (int ignores = 1; ignores >= 0; ignores--) {
		for (size_t i = 0; i < ps->n; i++) {
			const struct pattern *p = &ps->list[i];

			if ((p->kind == PATTERN_IGNORE) == ignores && hit(p, hits) &&
			    pattern_fits(ps, p, data, s, n, ret))
				return true;
		}
	}
	return false;
}

bool pattern_ends(const struct patterns *ps, const struct pattern *p,
		  pcre2_match_data *data, const char *s, size_t n)
{
	for (size_t i = 0; i < p->end.n; i++) {
		if (memmem(s, n, p->end.v[i], strlen(p->end.v[i])))
			return true;
	}
	return p->until &&
	       pcre2_match(p->until, (PCRE2_SPTR)s, n, 0, 0, data, ps->limits) >= 0;
}

bool patterns_skip_frame(const struct patterns *ps, const char *func, size_t n)
{
	for (size_t i = 0; i < ps->skip.n; i++) {
		const char *name = ps->skip.v[i];
		size_t len = strlen(name);

		if (name[len - 1] == '*' ? n >= len - 1 && !memcmp(func, name, len - 1)
					 : n == len && !memcmp(func, name, len))
			return true;
	}
	return false;
}
