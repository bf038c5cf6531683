/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking a path up in the kernel's table of mounts. */
#include "agent/boot/mountinfo.h"

#include <fcntl.h>
#include <string.h>

#include "proto/base/fs.h"

#define TABLE_MAX (4u * 1024 * 1024)

/* The columns before "-" and after it; those between are optional and not needed. */
enum { ID, PARENT, DEVICE, ROOT, POINT, OPTIONS, N_FIRST };
enum { TYPE, SOURCE, SUPER, N_LAST };

struct line {
	char *first[N_FIRST], *last[N_LAST];
};

void mountinfo_fini(struct mountinfo *m)
{
	free(m->point);
	free(m->type);
	free(m->source);
	free(m->options);
	memset(m, 0, sizeof(*m));
}

bool mountinfo_has_option(const char *options, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = options;; p++) {
		if (strncmp(p, word, n) == 0 && (p[n] == '\0' || p[n] == ','))
			return true;
		p = strchr(p, ',');
		if (!p)
			return false;
	}
}

/* Blanks, tabs, newlines and backslashes are \ooo in the table. */
static void unescape(char *s)
{
	char *out = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' &&
		    s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 |
					(s[3] - '0'));
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

/* Cuts text into columns. */
static bool parse_line(char *text, struct line *ret)
{
	char *save = NULL, *word = strtok_r(text, " ", &save);

	for (int i = 0; i < N_FIRST; i++) {
		if (!word)
			return false;
		ret->first[i] = word;
		word = strtok_r(NULL, " ", &save);
	}
	while (word && strcmp(word, "-") != 0)
		word = strtok_r(NULL, " ", &save);
	for (int i = 0; i < N_LAST; i++) {
		word = word ? strtok_r(NULL, " ", &save) : NULL;
		if (!word)
			return false;
		ret->last[i] = word;
	}
	unescape(ret->first[POINT]);
	unescape(ret->last[SOURCE]);
	return true;
}

static bool holds(const char *point, const char *path)
{
	size_t n = strlen(point);

	if (n > 0 && point[n - 1] == '/')
		n--;
	return strncmp(point, path, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* The pointers are into the line.  false: it has no device. */
static bool view(const struct line *l, struct mountinfo *ret)
{
	char *end;

	*ret = (struct mountinfo){
		.point = l->first[POINT],
		.type = l->last[TYPE],
		.source = l->last[SOURCE],
		.options = l->last[SUPER],
		.read_only = mountinfo_has_option(l->first[OPTIONS], "ro") ||
			     mountinfo_has_option(l->last[SUPER], "ro"),
	};
	ret->major = (unsigned)strtoul(l->first[DEVICE], &end, 10);
	if (*end != ':')
		return false;
	ret->minor = (unsigned)strtoul(end + 1, &end, 10);
	return *end == '\0';
}

int mountinfo_each(const struct agent *a, mountinfo_visit visit, void *arg)
{
	_buf_ struct buf b = BUF_INIT;
	char *text, *save = NULL;
	int r;

	r = agent_read_file(a, "/proc/self/mountinfo", TABLE_MAX, &b);
	if (r < 0)
		return r;
	text = (char *)buf_str(&b);
	if (!text)
		return -ENOMEM;
	for (char *p = strtok_r(text, "\n", &save); r == 0 && p;
	     p = strtok_r(NULL, "\n", &save)) {
		struct mountinfo m;
		struct line l;

		if (parse_line(p, &l) && view(&l, &m))
			r = visit(&m, arg);
	}
	return r;
}

/* What is looked for, and the best that was found of it so far. */
struct wanted {
	const char *path;
	bool exactly;
	struct mountinfo best;
};

static int copy(const struct mountinfo *m, struct mountinfo *ret)
{
	_mountinfo_ struct mountinfo c = {
		.point = strdup(m->point),
		.type = strdup(m->type),
		.source = strdup(m->source),
		.options = strdup(m->options),
		.major = m->major,
		.minor = m->minor,
		.read_only = m->read_only,
	};

	if (!c.point || !c.type || !c.source || !c.options)
		return -ENOMEM;
	mountinfo_fini(ret);
	*ret = c;
	memset(&c, 0, sizeof(c));
	return 0;
}

/* The deepest place counts, and there the last that was mounted. */
static int take_better(const struct mountinfo *m, void *arg)
{
	struct wanted *w = arg;

	if (w->exactly ? strcmp(m->point, w->path) != 0 : !holds(m->point, w->path))
		return 0;
	if (w->best.point && strlen(m->point) < strlen(w->best.point))
		return 0;
	return copy(m, &w->best);
}

static int find(const struct agent *a, const char *path, bool exactly,
		struct mountinfo *ret)
{
	struct wanted w = {.path = path, .exactly = exactly};
	int r = mountinfo_each(a, take_better, &w);

	if (r == 0 && !w.best.point)
		r = -ENOENT;
	if (r < 0) {
		mountinfo_fini(&w.best);
		return r;
	}
	*ret = w.best;
	return 0;
}

int mountinfo_find(const struct agent *a, const char *path, struct mountinfo *ret)
{
	return find(a, path, false, ret);
}

int mountinfo_at(const struct agent *a, const char *path, struct mountinfo *ret)
{
	return find(a, path, true, ret);
}
