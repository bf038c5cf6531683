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

static int take(const struct line *l, struct mountinfo *ret)
{
	_mountinfo_ struct mountinfo m = {
		.point = strdup(l->first[POINT]),
		.type = strdup(l->last[TYPE]),
		.source = strdup(l->last[SOURCE]),
		.options = strdup(l->last[SUPER]),
		.read_only = mountinfo_has_option(l->first[OPTIONS], "ro") ||
			     mountinfo_has_option(l->last[SUPER], "ro"),
	};
	char *end;

	if (!m.point || !m.type || !m.source || !m.options)
		return -ENOMEM;
	m.major = (unsigned)strtoul(l->first[DEVICE], &end, 10);
	if (*end != ':')
		return -EBADMSG;
	m.minor = (unsigned)strtoul(end + 1, &end, 10);
	if (*end != '\0')
		return -EBADMSG;
	*ret = m;
	memset(&m, 0, sizeof(m));
	return 0;
}

int mountinfo_find(const struct agent *a, const char *path, struct mountinfo *ret)
{
	_buf_ struct buf b = BUF_INIT;
	struct line best = {{0}, {0}};
	char *text, *save = NULL;
	int r;

	r = agent_read_file(a, "/proc/self/mountinfo", TABLE_MAX, &b);
	if (r < 0)
		return r;
	text = (char *)buf_str(&b);
	if (!text)
		return -ENOMEM;
	/* The deepest place counts, and there the last that was mounted. */
	for (char *p = strtok_r(text, "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
		struct line l;

		if (parse_line(p, &l) && holds(l.first[POINT], path) &&
		    (!best.first[POINT] ||
		     strlen(l.first[POINT]) >= strlen(best.first[POINT])))
			best = l;
	}
	return best.first[POINT] ? take(&best, ret) : -ENOENT;
}
