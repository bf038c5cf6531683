/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kconfig files line by line.  A stack holds the conditions of the blocks that are open;
 * an entry has its own, until the next begins.
 */
#include "controller/kconfig/depends.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/strf.h"
#include "proto/base/fs.h"

#define BLOCKS_MAX 64 /* that are open at once */
#define TERMS_MAX  64 /* of one entry */

struct term {
	const char *at;
	size_t n;
};

/* One file. */
struct reader {
	struct depends *d;
	const char *at, *end;
	struct term blocks[BLOCKS_MAX]; /* n 0: no condition */
	size_t n_blocks;
	struct term terms[TERMS_MAX]; /* of the entry that is read, if it is the one */
	size_t n_terms;
	bool in_symbol, in_block_head, has_prompt;
	size_t help_indent; /* 0: not in a help text; else the least it has, plus 1 */
	bool help_begins;
};

static size_t indent_of(const char *line, size_t n, size_t *ret_skip)
{
	size_t columns = 0, i = 0;

	for (; i < n && (line[i] == ' ' || line[i] == '\t'); i++)
		columns = line[i] == '\t' ? (columns / 8 + 1) * 8 : columns + 1;
	*ret_skip = i;
	return columns;
}

static bool begins(const char *line, size_t n, const char *word, struct term *ret_rest)
{
	size_t len = strlen(word);

	if (n < len || memcmp(line, word, len) ||
	    (n > len && line[len] != ' ' && line[len] != '\t' && line[len] != '"'))
		return false;
	line += len;
	n -= len;
	while (n && (*line == ' ' || *line == '\t')) {
		line++;
		n--;
	}
	*ret_rest = (struct term){line, n};
	return true;
}

/* --- the entry's end: which of its terms do not hold ----------------------------------
 */

/* Does a value give what is wanted? */
static bool gives(char value, char want)
{
	return value == 'y' || value == '?' || (value == 'm' && want == 'm');
}

static int blame(struct depends *d, const struct term *t)
{
	char value = depends_eval(t->at, t->n, d->config), last = ' ';
	int r = 0;

	if (gives(value, d->want))
		return 0;
	if (buf_len(&d->missing))
		r = buf_printf(&d->missing, ", ");
	/* Of lines that were joined: one blank between words will do. */
	for (size_t i = 0; i < t->n && r == 0; i++) {
		char c = t->at[i] == '\t' ? ' ' : t->at[i];

		if (c != ' ' || last != ' ')
			r = buf_append(&d->missing, &c, 1);
		last = c;
	}
	return r < 0 ? r : buf_printf(&d->missing, " (=%c)", value);
}

static void trim(struct term *t)
{
	while (t->n && (t->at[t->n - 1] == ' ' || t->at[t->n - 1] == '\t'))
		t->n--;
	while (t->n && (*t->at == ' ' || *t->at == '\t')) {
		t->at++;
		t->n--;
	}
}

/* The parts between "&&" outside of parentheses; where "||" stands there, it is one. */
static int blame_parts(struct depends *d, const struct term *all)
{
	struct term part = {all->at, 0};
	int depth = 0, r = 0;

	for (size_t i = 0; i + 1 < all->n; i++) {
		depth += (all->at[i] == '(') - (all->at[i] == ')');
		if (depth == 0 && !memcmp(all->at + i, "||", 2))
			return blame(d, all);
	}
	depth = 0;
	for (size_t i = 0; i < all->n && r == 0; i++) {
		depth += (all->at[i] == '(') - (all->at[i] == ')');
		if (depth || i + 1 == all->n || memcmp(all->at + i, "&&", 2))
			continue;
		part.n = (size_t)(all->at + i - part.at);
		trim(&part);
		r = blame(d, &part);
		part.at = all->at + i + 2;
		i++;
	}
	part.n = (size_t)(all->at + all->n - part.at);
	trim(&part);
	return r < 0 ? r : blame(d, &part);
}

/* Several entries of one symbol: one that can be set is enough. */
static int end_entry(struct reader *r)
{
	struct depends *d = r->d;
	size_t before = buf_len(&d->missing);
	bool met_before = d->found && d->prompt && !before;
	int rc = 0;

	if (!r->in_symbol)
		return 0;
	r->in_symbol = false;
	for (size_t i = 0; i < r->n_terms && rc == 0; i++)
		rc = blame_parts(d, &r->terms[i]);
	for (size_t i = 0; i < r->n_blocks && rc == 0; i++)
		if (r->blocks[i].n)
			rc = blame_parts(d, &r->blocks[i]);
	if (rc == 0 && r->has_prompt && (met_before || buf_len(&d->missing) == before))
		buf_reset(&d->missing);
	d->found = true;
	d->prompt = d->prompt || r->has_prompt;
	return rc;
}

/* --- lines ----------------------------------------------------------------------------
 */

static void add_term(struct reader *r, struct term t)
{
	if (t.n && r->n_terms < TERMS_MAX)
		r->terms[r->n_terms++] = t;
}

static void push(struct reader *r, struct term condition)
{
	if (r->n_blocks < BLOCKS_MAX)
		r->blocks[r->n_blocks] = condition;
	r->n_blocks += r->n_blocks < BLOCKS_MAX;
}

/* A line that begins an entry or a block, or ends one.  1: it was one. */
static int take_block(struct reader *r, const char *line, size_t n)
{
	static const char *const ends[] = {"endif", "endmenu", "endchoice"};
	static const char *const others[] = {"source", "comment", "mainmenu"};
	const struct term none = {0};
	struct term rest;
	int rc = 0;

	if (begins(line, n, "config", &rest) || begins(line, n, "menuconfig", &rest)) {
		rc = end_entry(r);
		r->in_block_head = false;
		r->n_terms = 0;
		r->has_prompt = false;
		trim(&rest);
		r->in_symbol = rest.n == strlen(r->d->symbol) &&
			       !memcmp(rest.at, r->d->symbol, rest.n);
		return rc < 0 ? rc : 1;
	}
	if (begins(line, n, "if", &rest)) {
		rc = end_entry(r);
		r->in_block_head = false;
		push(r, rest);
		return rc < 0 ? rc : 1;
	}
	if (begins(line, n, "menu", &rest) || begins(line, n, "choice", &rest)) {
		rc = end_entry(r);
		push(r, none);
		r->in_block_head = true;
		return rc < 0 ? rc : 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		if (!begins(line, n, ends[i], &rest))
			continue;
		rc = end_entry(r);
		r->in_block_head = false;
		r->n_blocks -= r->n_blocks > 0;
		return rc < 0 ? rc : 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (!begins(line, n, others[i], &rest))
			continue;
		rc = end_entry(r);
		r->in_block_head = false;
		return rc < 0 ? rc : 1;
	}
	return 0;
}

/* "TEXT" if CONDITION: somebody is asked, if that holds. */
static void take_prompt(struct reader *r, const struct term *rest)
{
	const char *quote, *end = rest->at + rest->n;
	struct term condition;

	if (!rest->n || (*rest->at != '"' && *rest->at != '\''))
		return;
	r->has_prompt = true;
	quote = memchr(rest->at + 1, *rest->at, rest->n - 1);
	if (!quote)
		return;
	condition = (struct term){quote + 1, (size_t)(end - quote - 1)};
	trim(&condition);
	if (begins(condition.at, condition.n, "if", &condition))
		add_term(r, condition);
}

static void take_attribute(struct reader *r, const char *line, size_t n)
{
	static const char *const types[] = {"bool", "tristate", "string",
					    "int",  "hex",	"prompt"};
	struct term rest;

	if (begins(line, n, "depends", &rest)) {
		if (!begins(rest.at, rest.n, "on", &rest))
			return;
		if (r->in_symbol)
			add_term(r, rest);
		else if (r->in_block_head && r->n_blocks && !r->blocks[r->n_blocks - 1].n)
			r->blocks[r->n_blocks - 1] = rest;
		return;
	}
	for (size_t i = 0; r->in_symbol && i < ARRAY_SIZE(types); i++)
		if (begins(line, n, types[i], &rest))
			take_prompt(r, &rest);
}

static size_t without_comment(const char *line, size_t n)
{
	char quote = 0;

	for (size_t i = 0; i < n; i++) {
		if (quote)
			quote = line[i] == quote ? 0 : quote;
		else if (line[i] == '"' || line[i] == '\'')
			quote = line[i];
		else if (line[i] == '#')
			return i;
	}
	return n;
}

/* Is the line part of a help text? */
static bool is_help(struct reader *r, const char *line, size_t n)
{
	size_t skip, indent = indent_of(line, n, &skip);

	if (!r->help_indent && !r->help_begins)
		return false;
	if (skip == n)
		return true;
	if (r->help_begins) {
		r->help_begins = false;
		r->help_indent = indent + 1;
		return indent > 0;
	}
	if (indent + 1 >= r->help_indent)
		return true;
	r->help_indent = 0;
	return false;
}

static int take_line(struct reader *r, const char *line, size_t n)
{
	struct term rest;
	size_t skip;
	int rc;

	if (is_help(r, line, n))
		return 0;
	indent_of(line, n, &skip);
	line += skip;
	n = without_comment(line, n - skip);
	if (!n)
		return 0;
	if (begins(line, n, "help", &rest) || begins(line, n, "---help---", &rest)) {
		r->help_begins = true;
		r->help_indent = 0;
		return 0;
	}
	rc = take_block(r, line, n);
	if (rc == 0)
		take_attribute(r, line, n);
	return rc < 0 ? rc : 0;
}

/* Lines that end with a backslash go on; the text is ours to change for that. */
static void join_lines(char *text, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++)
		if (text[i] == '\\' && text[i + 1] == '\n')
			text[i] = text[i + 1] = ' ';
}

int depends_read(struct depends *d, const char *text, size_t n)
{
	_free_ char *copy = malloc(n + 1);
	_free_ struct reader *r = calloc(1, sizeof(*r));
	int rc = 0;

	if (!copy || !r)
		return -ENOMEM;
	if (n)
		memcpy(copy, text, n);
	join_lines(copy, n);
	r->d = d;
	for (const char *at = copy, *end = copy + n; at < end && rc == 0;) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));

		rc = take_line(r, at, (size_t)((nl ? nl : end) - at));
		at = nl ? nl + 1 : end;
	}
	return rc < 0 ? rc : end_entry(r);
}

void depends_fini(struct depends *d)
{
	buf_fini(&d->missing);
}

/* --- the tree -------------------------------------------------------------------------
 */

struct walk {
	struct depends *d;
	const char *arch;
};

static int on_file(void *arg, int dirfd, const char *name, const char *path,
		   const struct stat *st)
{
	struct walk *w = arg;
	_buf_ struct buf text = BUF_INIT;
	size_t n = strlen(w->arch);

	if (!S_ISREG(st->st_mode) || strncmp(name, "Kconfig", 7) != 0)
		return 0;
	/* Other architectures' symbols are not there. */
	if (!strncmp(path, "arch/", 5) && strchr(path + 5, '/') &&
	    (strncmp(path + 5, w->arch, n) || path[5 + n] != '/'))
		return 0;
	if (fs_read_file(dirfd, name, DEPENDS_FILE_MAX, &text) < 0)
		return 0;
	return depends_read(w->d, (const char *)buf_data(&text), buf_len(&text));
}

char *depends_find(const char *src, const char *arch, const char *symbol, char want,
		   const struct kconf *config)
{
	_cleanup_(depends_fini) struct depends d = {
		.symbol = symbol + strlen("CONFIG_"), .config = config, .want = want};
	struct walk w = {&d, arch};

	if (fs_walk(AT_FDCWD, src, on_file, &w) < 0)
		return NULL;
	if (!d.found)
		return strf("this tree has no %s for %s", symbol, arch);
	if (buf_len(&d.missing))
		return buf_str(&d.missing) ? strf("it depends on %s", buf_str(&d.missing))
					   : NULL;
	if (!d.prompt)
		return strf("nobody can set %s: other options select it", symbol);
	return NULL;
}
