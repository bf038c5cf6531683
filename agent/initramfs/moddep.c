/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * modules.dep and modules.builtin in memory: the files as they are, cut into strings in
 * place, and a table of modules sorted by name.
 */
#include "agent/initramfs/moddep.h"

#include <string.h>

#include "proto/base/buf.h"
#include "proto/base/fs.h"
#include "proto/text.h"

#define FILE_MAX    (16u * 1024 * 1024) /* a full kernel's modules.dep has half a MiB */
#define MODULES_MAX 65536

struct module {
	const char *path; /* relative to the release's directory */
	char *deps;	  /* the rest of its line; cut into words when it is selected */
	size_t name_at;	  /* in names */
	bool selected;
};

struct moddep {
	struct buf dep, builtin; /* the files */
	struct buf names;	 /* all names, each with its NUL */
	struct module *by_name;	 /* sorted */
	struct module **by_path; /* sorted */
	struct module **todo;	 /* selected, dependencies not yet looked at */
	size_t n, size, n_todo;
	size_t *builtins; /* in names, sorted by name */
	size_t n_builtins, size_builtins;
};

static const char *name_of(const struct moddep *m, size_t at)
{
	return (const char *)buf_data(&m->names) + at;
}

bool moddep_name(const char *path, char dst[static MODDEP_NAME])
{
	static const char *const suffixes[] = {".ko", ".ko.zst", ".ko.xz", ".ko.gz",
					       ".ko.lz4"};
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	size_t len = strlen(base);

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		size_t n = strlen(suffixes[i]);

		if (len <= n || strcmp(base + len - n, suffixes[i]) != 0)
			continue;
		if (len - n >= MODDEP_NAME)
			return false;
		for (size_t j = 0; j < len - n; j++)
			dst[j] = base[j];
		dst[len - n] = '\0';
		for (char *p = dst; *p; p++)
			if (*p == '-')
				*p = '_';
		return true;
	}
	return false;
}

/* Grow an array of *size elements for one more. */
static int grow(void *pp, size_t n, size_t *size, size_t element)
{
	void **p = pp, *v;
	size_t want = *size ? 2 * *size : 64;

	if (n < *size)
		return 0;
	if (n >= MODULES_MAX)
		return -EBADMSG;
	v = reallocarray(*p, want, element);
	if (!v)
		return -ENOMEM;
	*p = v;
	*size = want;
	return 0;
}

static int add_name(struct moddep *m, const char *path, size_t *ret_at)
{
	char name[MODDEP_NAME];

	if (!moddep_name(path, name))
		return -EBADMSG;
	*ret_at = buf_len(&m->names);
	return buf_append(&m->names, name, strlen(name) + 1);
}

static int add_module(struct moddep *m, char *line)
{
	char *colon = strchr(line, ':');
	struct module *v;
	int r;

	if (*line == '\0' || *line == '#')
		return 0;
	if (!colon)
		return -EBADMSG;
	*colon = '\0';
	if (!text_is_path(line, strlen(line)))
		return -EBADMSG;
	r = grow(&m->by_name, m->n, &m->size, sizeof(*m->by_name));
	if (r < 0)
		return r;
	v = &m->by_name[m->n];
	*v = (struct module){.path = line, .deps = colon + 1};
	r = add_name(m, line, &v->name_at);
	if (r == 0)
		m->n++;
	return r;
}

static int add_builtin(struct moddep *m, char *line)
{
	int r;

	if (*line == '\0')
		return 0;
	r = grow(&m->builtins, m->n_builtins, &m->size_builtins, sizeof(*m->builtins));
	if (r == 0)
		r = add_name(m, line, &m->builtins[m->n_builtins]);
	if (r == 0)
		m->n_builtins++;
	return r;
}

static int each_line(struct moddep *m, int dirfd, const char *file, struct buf *b,
		     int (*fn)(struct moddep *, char *))
{
	char *save = NULL, *text;
	int r;

	r = fs_read_file(dirfd, file, FILE_MAX, b);
	if (r < 0)
		return r;
	text = (char *)buf_str(b);
	if (!text)
		return -ENOMEM;
	for (char *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		r = fn(m, line);
		if (r < 0)
			return r;
	}
	return 0;
}

static int compare_names(const void *a, const void *b, void *arg)
{
	const struct module *x = a, *y = b;
	int c = strcmp(name_of(arg, x->name_at), name_of(arg, y->name_at));

	return c ? c : strcmp(x->path, y->path);
}

static int compare_builtins(const void *a, const void *b, void *arg)
{
	return strcmp(name_of(arg, *(const size_t *)a), name_of(arg, *(const size_t *)b));
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp((*(struct module *const *)a)->path,
		      (*(struct module *const *)b)->path);
}

static int sort(struct moddep *m)
{
	m->by_path = calloc(m->n + 1, sizeof(struct module *));
	m->todo = calloc(m->n + 1, sizeof(struct module *));
	if (!m->by_path || !m->todo)
		return -ENOMEM;
	if (m->n > 0)
		qsort_r(m->by_name, m->n, sizeof(*m->by_name), compare_names, m);
	for (size_t i = 0; i < m->n; i++)
		m->by_path[i] = &m->by_name[i];
	if (m->n > 0)
		qsort(m->by_path, m->n, sizeof(struct module *), compare_paths);
	if (m->n_builtins > 0)
		qsort_r(m->builtins, m->n_builtins, sizeof(size_t), compare_builtins, m);
	return 0;
}

int moddep_load(int dirfd, struct moddep **ret)
{
	struct moddep *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	r = each_line(m, dirfd, "modules.dep", &m->dep, add_module);
	if (r == 0) {
		r = each_line(m, dirfd, "modules.builtin", &m->builtin, add_builtin);
		if (r == -ENOENT)
			r = 0;
	}
	if (r == 0)
		r = sort(m);
	if (r < 0) {
		moddep_free(m);
		return r;
	}
	*ret = m;
	return 0;
}

void moddep_free(struct moddep *m)
{
	if (!m)
		return;
	buf_fini(&m->dep);
	buf_fini(&m->builtin);
	buf_fini(&m->names);
	free(m->by_name);
	free(m->by_path);
	free(m->todo);
	free(m->builtins);
	free(m);
}

static struct module *find(const struct moddep *m, const char *name)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = strcmp(name, name_of(m, m->by_name[mid].name_at));

		if (c == 0)
			return &m->by_name[mid];
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

static bool is_builtin(const struct moddep *m, const char *name)
{
	size_t low = 0, high = m->n_builtins;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = strcmp(name, name_of(m, m->builtins[mid]));

		if (c == 0)
			return true;
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return false;
}

/* Each module enters the list once, so it has room. */
static void push(struct moddep *m, struct module *v)
{
	if (!v || v->selected)
		return;
	v->selected = true;
	m->todo[m->n_todo++] = v;
}

enum moddep_found moddep_select(struct moddep *m, const char *name)
{
	char wanted[MODDEP_NAME];
	struct module *v;
	size_t n = strlen(name);

	if (n >= MODDEP_NAME)
		return MODDEP_MISSING;
	for (size_t i = 0; i <= n; i++)
		wanted[i] = name[i] == '-' ? '_' : name[i];
	v = find(m, wanted);
	if (!v)
		return is_builtin(m, wanted) ? MODDEP_BUILTIN : MODDEP_MISSING;
	push(m, v);
	while (m->n_todo > 0) {
		char *save = NULL;

		v = m->todo[--m->n_todo];
		for (char *dep = strtok_r(v->deps, " \t", &save); dep;
		     dep = strtok_r(NULL, " \t", &save))
			if (moddep_name(dep, wanted))
				push(m, find(m, wanted));
	}
	return MODDEP_SELECTED;
}

void moddep_select_all(struct moddep *m)
{
	for (size_t i = 0; i < m->n; i++)
		m->by_path[i]->selected = true;
}

const char *moddep_next(const struct moddep *m, size_t *i)
{
	while (*i < m->n) {
		const struct module *v = m->by_path[(*i)++];

		if (v->selected)
			return v->path;
	}
	return NULL;
}
