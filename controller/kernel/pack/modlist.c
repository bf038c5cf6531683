/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading modules.order, and a tree's makefile for what else it installs.
 */
#include "controller/kernel/pack/modlist.h"

#include <string.h>

#include "controller/strf.h"
#include "proto/limits.h"
#include "proto/text.h"

#define PREFIX "kernel/"
/* What make and the shell take as it is. */
#define NAME_CHARS                                                                       \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+,@~/"

void modlist_fini(struct modlist *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	buf_fini(&l->order);
	*l = (struct modlist){0};
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_unique(struct modlist *l)
{
	size_t n = 0;

	if (l->n == 0)
		return;
	qsort(l->v, l->n, sizeof(*l->v), compare);
	for (size_t i = 0; i < l->n; i++) {
		if (n > 0 && strcmp(l->v[n - 1], l->v[i]) == 0)
			free(l->v[i]);
		else
			l->v[n++] = l->v[i];
	}
	l->n = n;
}

/* ".ko" or ".o"; NULL: neither. */
static const char *ending(const char *line, size_t n)
{
	if (n > 3 && memcmp(line + n - 3, ".ko", 3) == 0)
		return ".ko";
	if (n > 2 && memcmp(line + n - 2, ".o", 2) == 0)
		return ".o";
	return NULL;
}

static bool is_prefixed(const char *line, size_t n)
{
	return n > strlen(PREFIX) && memcmp(line, PREFIX, strlen(PREFIX)) == 0;
}

static int add_line(struct modlist *l, const char *line, size_t n, const char *end)
{
	char *name;
	int stem = (int)(n - strlen(end));

	if (strspn(line, NAME_CHARS) != n || !text_is_path(line, n))
		return -EBADMSG;
	name = strf("%.*s.ko", stem, line);
	if (!name)
		return -ENOMEM;
	l->v[l->n++] = name;
	l->maybe_installed &= is_prefixed(line, n);
	return buf_printf(&l->order, PREFIX "%.*s.ko\n", stem, line);
}

static size_t count_lines(const char *text, size_t n)
{
	size_t lines = 0;

	for (const char *p = text; (p = memchr(p, '\n', n - (size_t)(p - text))); p++)
		lines++;
	return lines;
}

static int parse(const char *text, size_t n, struct modlist *l)
{
	size_t lines = n > 0 ? count_lines(text, n) : 0;
	const char *end = NULL;

	if (n > 0 && (text[n - 1] != '\n' || memchr(text, '\0', n)))
		return -EBADMSG;
	if (lines > LIMIT_FILES)
		return -EBADMSG;
	l->v = calloc(lines + 1, sizeof(*l->v));
	if (!l->v)
		return -ENOMEM;
	l->maybe_installed = lines > 0;
	for (size_t at = 0; at < n;) {
		size_t len =
			(size_t)((char *)memchr(text + at, '\n', n - at) - (text + at));
		const char *is = ending(text + at, len);
		int r;

		/* Kernels have one kind or the other. */
		if (!is || (end && strcmp(is, end) != 0))
			return -EBADMSG;
		end = is;
		r = add_line(l, text + at, len, end);
		if (r < 0)
			return r;
		at += len + 1;
	}
	if (end && strcmp(end, ".o") == 0)
		l->maybe_installed = false;
	sort_unique(l);
	return 0;
}

int modlist_parse(const char *text, size_t n, struct modlist *ret)
{
	struct modlist l = {0};
	int r = parse(text, n, &l);

	if (r < 0) {
		modlist_fini(&l);
		return r;
	}
	*ret = l;
	return 0;
}

void modlist_are_installed(struct modlist *l)
{
	uint8_t *to = l->order.data + l->order.start;
	const uint8_t *from = to, *end = to + buf_len(&l->order);
	size_t skip = strlen(PREFIX);

	for (size_t i = 0; i < l->n; i++)
		memmove(l->v[i], l->v[i] + skip, strlen(l->v[i] + skip) + 1);
	while (from < end) {
		const uint8_t *line = from + skip;
		size_t len = (size_t)((const uint8_t *)memchr(line, '\n',
							      (size_t)(end - line)) +
				      1 - line);

		memmove(to, line, len);
		to += len;
		from = line + len;
	}
	l->order.end = (size_t)(to - l->order.data);
	l->maybe_installed = false;
}

static bool is_known(const char *word, size_t n)
{
	static const char *const known[] = {
		"modules.order", "modules.builtin", "modules.builtin.modinfo",
		"modules.builtin.ranges", "build", "source", "kernel",
		/* of another target, vdso_install */
		"vdso"};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strlen(known[i]) == n && memcmp(known[i], word, n) == 0)
			return true;
	}
	return false;
}

/* "$(MODLIB)/name", and "$(addprefix $(MODLIB)/, name name)". */
char *modlist_unknown_file(const char *makefile)
{
	static const char mark[] = "$(MODLIB)/";
	static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._-";

	for (const char *p = makefile; (p = strstr(p, mark));) {
		bool list;

		p += strlen(mark);
		list = *p == ',';
		p += list;
		do {
			size_t n;

			p += list ? strspn(p, " \t") : 0;
			n = strspn(p, chars);
			if (n > 0 && !is_known(p, n))
				return strndup(p, n);
			p += n;
			list = list && n > 0;
		} while (list);
	}
	return NULL;
}
