// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/copy/same.h"

#include <limits.h>
#include <string.h>

#include "proto/limits.h"

#define SUM_HEX 64

void same_fini(struct same *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->files[i].path);
	free(s->files);
	*s = (struct same){0};
}

int same_add(struct same *s, const char *path, size_t n, const struct same_file *facts)
{
	struct same_file *more;

	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 64;

		more = reallocarray(s->files, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		s->files = more;
		s->room = room;
	}
	s->files[s->n] = *facts;
	s->files[s->n].path = strndup(path, n);
	if (!s->files[s->n].path)
		return -ENOMEM;
	s->n++;
	return 0;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct same_file *)a)->path,
		      ((const struct same_file *)b)->path);
}

void same_sort(struct same *s)
{
	if (s->n)
		qsort(s->files, s->n, sizeof(*s->files), by_path);
}

struct key {
	const char *path;
	size_t n;
};

static int against(const void *a, const void *b)
{
	const struct key *key = a;
	const char *path = ((const struct same_file *)b)->path;
	int r = strncmp(key->path, path, key->n);

	return r || !path[key->n] ? r : -1;
}

struct same_file *same_find(const struct same *s, const char *path, size_t n)
{
	const struct key key = {path, n};

	return s->n ? bsearch(&key, s->files, s->n, sizeof(*s->files), against) : NULL;
}

bool same_has(const struct same *s, const char *path)
{
	const struct same_file *f = same_find(s, path, strlen(path));

	return f && f->same;
}

bool same_is_nameable(const char *path)
{
	return !strpbrk(path, "\n\\");
}

/* --- what programs of a board print ------------------------------------------------- */

bool same_next_line(const struct buf *text, size_t *at, const char **ret_line,
		    size_t *ret_n)
{
	const char *all = (const char *)buf_data(text), *end;

	if (*at >= buf_len(text))
		return false;
	*ret_line = all + *at;
	end = memchr(*ret_line, '\n', buf_len(text) - *at);
	*ret_n = end ? (size_t)(end - *ret_line) : buf_len(text) - *at;
	*at += *ret_n + 1;
	return true;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_digits(const char **p, const char *end, unsigned base, uint64_t max,
			uint64_t *ret)
{
	const char *begin = *p;
	uint64_t v = 0;

	for (; *p < end && **p != ' '; (*p)++) {
		int digit = digit_of(**p);

		if (digit < 0 || (unsigned)digit >= base ||
		    __builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, (unsigned)digit, &v) || v > max)
			return false;
	}
	*ret = v;
	return *p > begin;
}

/* A number and the blank behind it. */
static bool take_number(const char **p, const char *end, unsigned base, uint64_t max,
			uint64_t *ret)
{
	if (!take_digits(p, end, base, max, ret) || *p == end)
		return false;
	(*p)++;
	return true;
}

int64_t same_parse_time(const char *line, size_t n)
{
	const char *p = line;
	uint64_t v;

	return take_digits(&p, line + n, 10, INT64_MAX / 2, &v) && p == line + n
		       ? (int64_t)v
		       : 0;
}

static bool take_path(const char *p, const char *end, const char **ret, size_t *ret_n)
{
	if (end - p > 2 && !strncmp(p, "./", 2))
		p += 2;
	*ret = p;
	*ret_n = (size_t)(end - p);
	return p < end && !memchr(p, '\0', *ret_n);
}

bool same_parse_stat(const char *line, size_t n, struct same_file *ret,
		     const char **ret_path, size_t *ret_n)
{
	const char *p = line, *end = line + n;
	uint64_t mode, size, mtime;
	bool before = false;

	if (!take_number(&p, end, 16, UINT_MAX, &mode) ||
	    !take_number(&p, end, 10, UINT64_MAX, &size))
		return false;
	if (p < end && *p == '-') { /* before 1970 */
		before = true;
		p++;
	}
	if (!take_number(&p, end, 10, INT64_MAX, &mtime) ||
	    !take_path(p, end, ret_path, ret_n))
		return false;
	*ret = (struct same_file){.mode = (unsigned)mode,
				  .size = size,
				  .mtime = before ? -(int64_t)mtime : (int64_t)mtime};
	return true;
}

bool same_parse_sum(const char *line, size_t n, uint8_t ret[static 32],
		    const char **ret_path, size_t *ret_n)
{
	if (n < SUM_HEX + 3 || line[SUM_HEX] != ' ')
		return false;
	for (size_t i = 0; i < SUM_HEX / 2; i++) {
		int high = digit_of(line[2 * i]), low = digit_of(line[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	if (!take_path(line + SUM_HEX + 2, line + n, ret_path, ret_n))
		return false;
	if (*ret_n == 1 && **ret_path == '-')
		*ret_path = ".";
	return true;
}
