/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kconfig's expressions: symbols, constants, comparisons, "!", "&&", "||", parentheses.
 * "&&" is the lesser, "||" the greater of n < m < y.
 */
#include <string.h>

#include "controller/kconfig/depends.h"

#define DEPTH_MAX 32
#define WORD_MAX  128

struct eval {
	const char *at, *end;
	const struct kconf *config;
	unsigned depth;
	bool bad;
};

static void skip_blanks(struct eval *e)
{
	while (e->at < e->end && (*e->at == ' ' || *e->at == '\t'))
		e->at++;
}

static bool take(struct eval *e, const char *token)
{
	size_t n = strlen(token);

	skip_blanks(e);
	if ((size_t)(e->end - e->at) < n || memcmp(e->at, token, n))
		return false;
	e->at += n;
	return true;
}

static bool is_word_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

/* A symbol or a quoted constant, *ret_quoted; false: neither. */
static bool take_word(struct eval *e, char word[WORD_MAX], bool *ret_quoted)
{
	size_t n = 0;
	char quote;

	skip_blanks(e);
	if (e->at == e->end)
		return false;
	quote = *e->at == '"' || *e->at == '\'' ? *e->at : 0;
	if (quote)
		e->at++;
	while (e->at < e->end && (quote ? *e->at != quote : is_word_char(*e->at))) {
		if (n + 1 == WORD_MAX)
			return false;
		word[n++] = *e->at++;
	}
	word[n] = '\0';
	*ret_quoted = quote != 0;
	if (!quote)
		return n > 0;
	return e->at < e->end && *e->at++ == quote;
}

/* What a word stands for, in the words of a .config. */
static const char *value_of(const struct eval *e, const char *word, bool quoted)
{
	char name[WORD_MAX + 8];
	const char *value;

	if (quoted || !strcmp(word, "y") || !strcmp(word, "m") || !strcmp(word, "n"))
		return word;
	snprintf(name, sizeof(name), "CONFIG_%s", word);
	value = kconf_value(e->config, name);
	/* A number or another word that is no symbol is itself. */
	if (!value && word[strspn(word, "0123456789")] == '\0')
		return word;
	return value ? value : "n";
}

static char tristate(const char *value)
{
	return !strcmp(value, "y") || !strcmp(value, "m") ? *value : 'n';
}

static char worse(char a, char b)
{
	static const char order[] = "nmy";

	if (a == '?' || b == '?')
		return a == 'n' || b == 'n' ? 'n' : '?';
	return strchr(order, a) < strchr(order, b) ? a : b;
}

static char better(char a, char b)
{
	if (a == '?' || b == '?')
		return a == 'y' || b == 'y' ? 'y' : '?';
	return worse(a, b) == a ? b : a;
}

static const char *unquoted(const char *value, char copy[WORD_MAX])
{
	size_t n = strlen(value);

	if (n < 2 || value[0] != '"' || n > WORD_MAX)
		return value;
	snprintf(copy, WORD_MAX, "%.*s", (int)(n - 2), value + 1);
	return copy;
}

static char compare(const char *a, const char *op, const char *b)
{
	char x[WORD_MAX], y[WORD_MAX];
	bool holds;

	if (*op == '=' || *op == '!')
		holds = !strcmp(unquoted(a, x), unquoted(b, y)) == (*op == '=');
	else
		return '?'; /* of numbers: too rare to be worth it */
	return holds ? 'y' : 'n';
}

static char either(struct eval *e);

static char primary(struct eval *e)
{
	static const char *const ops[] = {"!=", "<=", ">=", "=", "<", ">"};
	char word[WORD_MAX], other[WORD_MAX], value;
	bool quoted;

	if (++e->depth > DEPTH_MAX) {
		e->bad = true;
		return '?';
	}
	if (take(e, "!")) {
		value = primary(e);
		value = value == 'y' ? 'n' : value == 'n' ? 'y' : value;
	} else if (take(e, "(")) {
		value = either(e);
		e->bad = !take(e, ")") || e->bad;
	} else if (take_word(e, word, &quoted)) {
		const char *left = value_of(e, word, quoted);

		value = tristate(left);
		for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
			if (!take(e, ops[i]))
				continue;
			if (!take_word(e, other, &quoted)) {
				e->bad = true;
				break;
			}
			value = compare(left, ops[i], value_of(e, other, quoted));
			break;
		}
	} else {
		e->bad = true;
		value = '?';
	}
	e->depth--;
	return value;
}

static char both(struct eval *e)
{
	char value = primary(e);

	while (!e->bad && take(e, "&&"))
		value = worse(value, primary(e));
	return value;
}

static char either(struct eval *e)
{
	char value = both(e);

	while (!e->bad && take(e, "||"))
		value = better(value, both(e));
	return value;
}

char depends_eval(const char *expr, size_t n, const struct kconf *config)
{
	struct eval e = {.at = expr, .end = expr + n, .config = config};
	char value = either(&e);

	skip_blanks(&e);
	return e.bad || e.at != e.end ? '?' : value;
}
