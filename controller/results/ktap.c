// SPDX-License-Identifier: GPL-2.0-or-later
/* KTAP and TAP, line by line: which scope a line belongs to, and what it says there. */
#include "controller/results/ktap.h"

#include <string.h>

#include "controller/results/ktap_internal.h"
#include "proto/text.h"

void ktap_init(struct ktap *k, struct suite_run *suite)
{
	*k = (struct ktap){.suite = suite};
	lines_init(&k->lines);
}

void ktap_fini(struct ktap *k)
{
	while (k->depth > 0)
		free(k->scope[--k->depth].numbers);
	lines_fini(&k->lines);
	buf_fini(&k->output);
}

/* Is there a scope behind "# " to the right of that column? */
static bool hash_is_open(const struct ktap *k, unsigned indent)
{
	for (size_t i = 0; i < k->depth; i++) {
		if (k->scope[i].hash && k->scope[i].indent > indent)
			return true;
	}
	return false;
}

/* Does a test of kselftest begin to speak TAP behind "# "? */
static bool opens_hash(const struct ktap *k, const char *behind)
{
	struct ktap_line l;

	ktap_line_parse(behind, &l);
	return l.kind == KTAP_VERSION || (l.kind == KTAP_PLAN && *k->header);
}

/* The column of a line, in which "# " counts as two blanks where kselftest's runner put
 * it. */
static const char *measure(const struct ktap *k, const char *s, unsigned *ret,
			   bool *ret_hash)
{
	unsigned indent = 0;

	*ret_hash = false;
	for (;;) {
		if (*s == ' ' || *s == '\t') {
			indent += *s++ == ' ' ? 1 : 4;
		} else if (s[0] == '#' && s[1] == ' ' &&
			   (hash_is_open(k, indent) || opens_hash(k, s + 2))) {
			*ret_hash = true;
			indent += 2;
			s += 2;
		} else {
			*ret = indent;
			return s;
		}
	}
}

/* The innermost scope that a line in that column can belong to. */
static size_t scope_at(struct ktap *k, unsigned indent)
{
	size_t i = k->depth - 1;

	while (i > 0 && k->scope[i].indent > indent)
		i--;
	/* The stream began in its middle, further to the right. */
	if (k->scope[i].indent > indent)
		k->scope[i].indent = indent;
	return i;
}

static bool is_fresh(const struct ktap *k, const struct ktap_scope *s)
{
	return s->n == 0 && !s->has_plan && s == &k->scope[k->depth - 1];
}

/* The scope of a line, opened where there is none in that column. */
static int need_scope(struct ktap *k, unsigned indent, bool hash, size_t *ret)
{
	struct ktap_scope *s;
	size_t at;
	int r;

	if (k->depth == 0) {
		*ret = 0;
		return ktap_open(k, indent, hash, &s);
	}
	at = scope_at(k, indent);
	/* One blank more is no nesting. */
	if (indent < k->scope[at].indent + 2) {
		*ret = at;
		return 0;
	}
	r = ktap_abandon_to(k, at + 1);
	if (r == 0)
		r = ktap_open(k, indent, hash, &s);
	*ret = k->depth - 1;
	return r;
}

/* KUnit's modules print a suite in the columns of a subtest, and then its result in the
 * first column, but no version line there. */
static int open_implied(struct ktap *k, unsigned indent)
{
	struct ktap_scope *s;
	int r = ktap_open(k, indent - KTAP_INDENT, false, &s);

	s->implied = true;
	return r;
}

static int on_version(struct ktap *k, const struct ktap_line *l, unsigned indent,
		      bool hash)
{
	struct ktap_scope *s;
	size_t at;
	int r = 0;

	k->sure = true;
	if (k->depth > 0) {
		at = scope_at(k, indent);
		/* Another stream, or another test's, begins where this one was. */
		if (indent < k->scope[at].indent + 2) {
			if (is_fresh(k, &k->scope[at]))
				return 0;
			r = at == 0 ? ktap_close_all(k, false) : ktap_abandon_to(k, at);
		} else {
			r = ktap_abandon_to(k, at + 1);
		}
	}
	k->kernel = l->ktap;
	if (k->depth == 0)
		k->bailed = false;
	if (r == 0 && k->depth == 0 && !hash && indent >= KTAP_INDENT)
		r = open_implied(k, indent);
	return r < 0 ? r : ktap_open(k, indent, hash, &s);
}

static int set_plan(struct ktap *k, struct ktap_scope *s, const struct ktap_line *l)
{
	if (l->number == UINT64_MAX)
		return suite_problem(k->suite, k->lines.number, true,
				     "a plan of more than %u tests", SUITE_PLAN);
	if (s->has_plan && s->plan != l->number)
		return suite_problem(k->suite, k->lines.number, true,
				     "a second plan, 1..%llu, contradicts the first",
				     (unsigned long long)l->number);
	if (s->has_plan)
		return 0;
	s->has_plan = true;
	s->late_plan = s->n > 0;
	s->plan = l->number;
	s->skipped = l->number == 0;
	if (s->skipped)
		snprintf(s->skip_text, sizeof(s->skip_text), "%.*s",
			 (int)(l->text_n < 200 ? l->text_n : 200),
			 l->text ? l->text : "");
	return 0;
}

static int on_plan(struct ktap *k, const struct ktap_line *l, unsigned indent, bool hash)
{
	size_t at;
	int r;

	k->sure = true;
	r = need_scope(k, indent, hash, &at);
	if (r < 0)
		return r;
	/* Announced in this column, where a plan is already: the next subtest begins. */
	if (at > 0 && k->scope[at].has_plan && *k->next_name &&
	    k->next_indent == indent) {
		char name[SUITE_NAME + 1];
		struct ktap_scope *s;

		memcpy(name, k->next_name, sizeof(name));
		r = ktap_abandon_to(k, at);
		memcpy(k->next_name, name, sizeof(name));
		if (r == 0)
			r = ktap_open(k, indent, hash, &s);
		at = k->depth - 1;
	}
	return r < 0 ? r : set_plan(k, &k->scope[at], l);
}

static int on_subtest(struct ktap *k, const struct ktap_line *l, unsigned indent)
{
	size_t at;
	int r;

	k->sure = true;
	/* TAP 14 announces in the column of the parent, the kernel in the subtest's. */
	if (k->depth == 0 || indent > k->scope[scope_at(k, indent)].indent + 1) {
		r = need_scope(k, indent, false, &at);
		if (r < 0)
			return r;
	}
	at = scope_at(k, indent);
	if (at > 0 && is_fresh(k, &k->scope[at]) && !*k->scope[at].name) {
		ktap_line_name(l, k->scope[at].name);
		return 0;
	}
	ktap_line_name(l, k->next_name);
	k->next_indent = indent;
	return 0;
}

/* A test of kselftest begins: what it prints belongs to it. */
static int on_header(struct ktap *k, const struct ktap_line *l)
{
	struct test_result *t;
	int r = 0;

	if (k->depth == 0)
		return 0;
	r = ktap_abandon_to(k, 1);
	if (r == 0 && *k->header)
		r = ktap_unended(k, &k->scope[0], k->header, false, &t);
	buf_reset(&k->output);
	ktap_line_name(l, k->header);
	return r == -ENOSPC ? 0 : r;
}

/* What the line says, in the suite; *ret_at: where, SUITE_PARENT: it had no room. */
static int add_result(struct ktap *k, struct ktap_scope *s, const struct ktap_line *l,
		      size_t *ret_at)
{
	char name[SUITE_NAME + 1];
	struct test_result *t;
	int r;

	*ret_at = SUITE_PARENT;
	if (ktap_line_name(l, name) == 0)
		snprintf(name, sizeof(name), "test %llu", (unsigned long long)s->last);
	r = suite_add(k->suite, name, strlen(name), l->status, &t);
	if (r < 0)
		return r == -ENOSPC ? 0 : r;
	*ret_at = k->suite->n - 1;
	if (l->text_n > 0 || l->timeout)
		r = suite_set_text(t, "%s%.*s", l->timeout ? "timeout: " : "",
				   (int)l->text_n, l->text);
	if (r == 0 && l->status != TEST_PASS)
		r = suite_set_output(k->suite, t, buf_data(&k->output),
				     buf_len(&k->output));
	return r;
}

/* The innermost scope ends with the result line that it belongs to. */
static int add_parent(struct ktap *k, struct ktap_scope *s, const struct ktap_line *l)
{
	struct ktap_scope *child = &k->scope[k->depth - 1];
	struct ktap_line said = *l;
	size_t at;
	int r;

	/* Nothing was tested below it. */
	if (child->skipped && child->n == 0 && l->status == TEST_PASS) {
		said.status = TEST_SKIP;
		if (!said.text_n) {
			said.text = child->skip_text;
			said.text_n = strlen(child->skip_text);
		}
	}
	r = ktap_close(k);
	if (r == 0)
		r = add_result(k, s, &said, &at);
	if (r < 0 || at == SUITE_PARENT)
		return r;
	return suite_adopt(k->suite, child->first, at);
}

static int on_result(struct ktap *k, const struct ktap_line *l, unsigned indent,
		     bool hash)
{
	size_t at, index;
	int r;

	/* Words of a program may begin with "ok". */
	if (!l->numbered && (k->depth == 0 || k->kernel))
		return 0;
	if (k->bailed)
		return 0;
	if (k->depth == 0) {
		r = suite_problem(k->suite, k->lines.number, false,
				  "results without a version line and a plan before "
				  "them: the beginning may be missing");
		if (r < 0)
			return r;
	}
	r = need_scope(k, indent, hash, &at);
	if (r == 0)
		r = ktap_abandon_to(k, at + 2);
	if (r == 0)
		r = ktap_count(k, &k->scope[at], l);
	if (r == 0 && k->depth > at + 1)
		r = add_parent(k, &k->scope[at], l);
	else if (r == 0)
		r = add_result(k, &k->scope[at], l, &index);
	if (at == 0)
		k->header[0] = '\0';
	buf_reset(&k->output);
	return r;
}

static int on_bail(struct ktap *k, const struct ktap_line *l)
{
	if (k->depth == 0 || k->bailed)
		return 0;
	k->bailed = true;
	return suite_problem(k->suite, k->lines.number, true, "it bailed out%s%.*s",
			     l->text_n ? ": " : "", (int)l->text_n, l->text);
}

/* Lines of a YAML block tell more of the result before it.  Returns whether it was one.
 */
static bool in_yaml(struct ktap *k, const char *text, unsigned indent)
{
	if (!k->yaml)
		return false;
	if (indent < k->yaml_indent) {
		k->yaml = false;
		return false;
	}
	if (strcmp(text, "...") == 0)
		k->yaml = false;
	return true;
}

static int on_line(void *arg, const char *line, size_t n, uint64_t number)
{
	struct ktap *k = arg;
	struct ktap_line l;
	unsigned indent;
	bool stamp, hash;
	const char *text = measure(k, lines_skip_stamps(line, &stamp), &indent, &hash);

	(void)number;
	if (in_yaml(k, text, indent))
		return 0;
	ktap_line_parse(text, &l);
	switch (l.kind) {
	case KTAP_VERSION:
		return on_version(k, &l, indent, hash);
	case KTAP_PLAN:
		return on_plan(k, &l, indent, hash);
	case KTAP_SUBTEST:
		return on_subtest(k, &l, indent);
	case KTAP_HEADER:
		return on_header(k, &l);
	case KTAP_RESULT:
		return on_result(k, &l, indent, hash);
	case KTAP_BAIL:
		return on_bail(k, &l);
	case KTAP_YAML:
		if (indent >= 2 && k->depth > 0) {
			k->yaml = true;
			k->yaml_indent = indent;
			return 0;
		}
		break;
	default:
		break;
	}
	return k->depth > 0 ? lines_keep(&k->output, line, n, SUITE_OUTPUT) : 0;
}

int ktap_feed(struct ktap *k, const void *data, size_t n)
{
	return lines_feed(&k->lines, data, n, on_line, k);
}

int ktap_end(struct ktap *k)
{
	bool skipped;
	int r = lines_end(&k->lines, on_line, k);

	if (r < 0)
		return r;
	skipped = k->depth > 0 && k->scope[0].skipped && k->scope[0].n == 0;
	if (skipped) {
		struct test_result *t;

		/* All of it is one test that was skipped. */
		r = suite_add(k->suite, "all tests", 9, TEST_SKIP, &t);
		if (r == 0)
			r = suite_set_text(t, "%s", k->scope[0].skip_text);
	}
	if (r == 0)
		r = ktap_close_all(k, true);
	if (r == 0 && k->suite->n == 0)
		r = suite_problem(k->suite, 0, true, "there is no test result in it");
	return r < 0 && r != -ENOSPC ? r : suite_settle(k->suite);
}
