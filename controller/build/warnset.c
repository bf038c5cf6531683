/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A warning's unit is what has to be made again for it to go: the path of the object
 * without its suffix, "vmlinux" for what is told at the link, or "" where that is not
 * known.  A header's is the source that includes it, as the compiler's "In file included
 * from" says.
 */
#include "controller/build/warnset.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "controller/build/nameset.h"

#define LINE_KEPT 512 /* bytes of a warning */
#define LINK	  "vmlinux"
#define VERSION	  1

struct warning {
	char *line; /* as it was printed, paths relative to the tree */
	char *key;  /* without line and column */
	char *unit;
	size_t order;
};

struct warnset {
	char *src;
	struct warning *v;
	size_t n, room;
	struct nameset lines, made;
	char from[256];	  /* the source at the end of an "In file included from" */
	char header[256]; /* the header that `from` was last told for */
};

struct warnset *warnset_new(const char *src)
{
	struct warnset *w = calloc(1, sizeof(*w));

	if (w)
		w->src = strdup(src);
	if (w && !w->src) {
		free(w);
		return NULL;
	}
	return w;
}

static void warning_fini(struct warning *g)
{
	free(g->line);
	free(g->key);
	free(g->unit);
}

void warnset_free(struct warnset *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->n; i++)
		warning_fini(&w->v[i]);
	free(w->v);
	nameset_fini(&w->lines);
	nameset_fini(&w->made);
	free(w->src);
	free(w);
}

void warndiff_fini(struct warndiff *d)
{
	free(d->fresh);
	*d = (struct warndiff){0};
}

/* --- reading a line -------------------------------------------------------------------
 */

/* Without "./", "../" and the tree's own path. */
static void cut_head(const struct warnset *w, const char **s, size_t *n)
{
	size_t len = strlen(w->src);

	if (len > 0 && *n > len && memcmp(*s, w->src, len) == 0 && (*s)[len] == '/') {
		*s += len + 1;
		*n -= len + 1;
	}
	while (*n > 2 && (*s)[0] == '.') {
		size_t skip = (*s)[1] == '/'			 ? 2
			      : (*s)[1] == '.' && (*s)[2] == '/' ? 3
								 : 0;

		if (!skip)
			break;
		*s += skip;
		*n -= skip;
	}
}

/* Length of the path that a message begins with, 0: it begins with none. */
static size_t path_of(const char *s, size_t n)
{
	const char *colon = memchr(s, ':', n);
	size_t len = colon ? (size_t)(colon - s) : 0;

	if (len == 0 || len > 200 || memchr(s, ' ', len) ||
	    (!memchr(s, '/', len) && !memchr(s, '.', len)))
		return 0;
	return len;
}

static bool ends_with(const char *s, size_t n, const char *tail)
{
	size_t len = strlen(tail);

	return n >= len && memcmp(s + n - len, tail, len) == 0;
}

/* Without its suffix. */
static size_t stem(const char *s, size_t n)
{
	const char *dot = memrchr(s, '.', n), *slash = memrchr(s, '/', n);

	return dot && dot > s && (!slash || dot > slash + 1) ? (size_t)(dot - s) : n;
}

/* "In file included from a.h:3," and "                 from b.c:10:". */
static void take_stack(struct warnset *w, const char *line, size_t n)
{
	static const char first[] = "In file included from ", more[] = "from ";
	size_t skip = 0, len;

	while (skip < n && line[skip] == ' ')
		skip++;
	if (n > sizeof(first) && memcmp(line, first, sizeof(first) - 1) == 0)
		skip = sizeof(first) - 1;
	else if (skip >= 8 && n - skip > sizeof(more) &&
		 memcmp(line + skip, more, sizeof(more) - 1) == 0)
		skip += sizeof(more) - 1;
	else
		return;
	line += skip;
	n -= skip;
	cut_head(w, &line, &n);
	len = path_of(line, n);
	snprintf(w->from, sizeof(w->from), "%.*s", (int)len, line);
	w->header[0] = '\0';
}

static char *unit_of(struct warnset *w, const char *s, size_t n)
{
	size_t len = path_of(s, n);

	if (len == 0)
		return strdup(LINK);
	if (!ends_with(s, len, ".h"))
		return strndup(s, stem(s, len));
	if (*w->from && !*w->header)
		snprintf(w->header, sizeof(w->header), "%.*s", (int)len, s);
	if (!*w->from || strlen(w->header) != len || memcmp(w->header, s, len) != 0)
		return strdup("");
	return strndup(w->from, stem(w->from, strlen(w->from)));
}

/* The line without the numbers that an edit elsewhere in the file changes. */
static char *key_of(const char *s, size_t n)
{
	size_t len = path_of(s, n), at = len, to;
	char *key = malloc(n + 1);

	if (!key)
		return NULL;
	while (len > 0 && at < n &&
	       (isdigit((unsigned char)s[at]) || strchr(":.-", s[at])))
		at++;
	memcpy(key, s, len);
	to = len;
	while (at < n) {
		bool hex = at + 1 < n && s[at] == '0' && s[at + 1] == 'x';

		key[to++] = s[at++];
		if (!hex)
			continue;
		at++;
		while (at < n && isxdigit((unsigned char)s[at]))
			at++;
	}
	key[to] = '\0';
	return key;
}

static int add(struct warnset *w, const char *line, size_t n, const char *unit)
{
	struct warning *more;

	if (w->n == w->room) {
		size_t room = w->room ? 2 * w->room : 64;

		more = reallocarray(w->v, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		w->v = more;
		w->room = room;
	}
	more = &w->v[w->n];
	*more = (struct warning){.line = strndup(line, n),
				 .key = key_of(line, n),
				 .unit = unit ? strdup(unit) : unit_of(w, line, n),
				 .order = w->n};
	if (more->line && more->key && more->unit) {
		w->n++;
		return 0;
	}
	warning_fini(more);
	return -ENOMEM;
}

/* Once, whichever way it comes; unit NULL: it tells by itself. */
static int add_once(struct warnset *w, const char *line, size_t n, const char *unit)
{
	int r;

	if (w->n >= WARNSET_MAX)
		return 0;
	r = nameset_add(&w->lines, line, n);
	return r == 0 ? add(w, line, n, unit) : r < 0 ? r : 0;
}

int warnset_line(struct warnset *w, enum buildlog_kind kind, const char *line, size_t n)
{
	const char *file;
	int r;

	n = strnlen(line, n);
	switch (kind) {
	case BUILDLOG_STEP:
		file = memrchr(line, ' ', n);
		file = file ? file + 1 : line;
		n -= (size_t)(file - line);
		if (ends_with(file, n, "Module.symvers"))
			r = nameset_add(&w->made, LINK, strlen(LINK));
		else
			r = nameset_add(&w->made, file, stem(file, n));
		return r < 0 ? r : 0;
	case BUILDLOG_WARNING:
		cut_head(w, &line, &n);
		return add_once(w, line, n < LINE_KEPT ? n : LINE_KEPT, NULL);
	case BUILDLOG_OTHER:
		take_stack(w, line, n);
		return 0;
	default:
		return 0;
	}
}

/* --- comparing ------------------------------------------------------------------------
 */

static int by_key(const void *a, const void *b)
{
	const struct warning *x = *(const struct warning *const *)a;
	const struct warning *y = *(const struct warning *const *)b;
	int c = strcmp(x->key, y->key);

	return c ? c : (x->order > y->order) - (x->order < y->order);
}

static int by_order(const void *a, const void *b)
{
	const struct warning *x = *(const struct warning *const *)a;
	const struct warning *y = *(const struct warning *const *)b;

	return (x->order > y->order) - (x->order < y->order);
}

static const struct warning **sorted(const struct warnset *w)
{
	const struct warning **v = calloc(w->n + 1, sizeof(const struct warning *));

	for (size_t i = 0; v && i < w->n; i++)
		v[i] = &w->v[i];
	if (v && w->n > 0)
		qsort(v, w->n, sizeof(*v), by_key);
	return v;
}

/* All of one key in two builds. */
struct group {
	const struct warning **b, **n;
	size_t n_b, n_n;
};

static size_t same_key(const struct warning **v, const char *key)
{
	size_t n = 0;

	while (v[n] && strcmp(v[n]->key, key) == 0)
		n++;
	return n;
}

/* Of those that are there more often than before, the ones on other lines are new. */
static void take_fresh(const struct group *g, const struct warnset *before,
		       const struct warning **fresh, size_t *n_fresh)
{
	size_t left = g->n_n > g->n_b ? g->n_n - g->n_b : 0;

	for (size_t i = 0; i < g->n_n && left > 0; i++) {
		/* With as many left as there is room for, each has to be taken. */
		if (g->n_n - i > left && nameset_has(&before->lines, g->n[i]->line))
			continue;
		fresh[(*n_fresh)++] = g->n[i];
		left--;
	}
}

/* Those that this build did not tell: gone, or of what was not made again. */
static int take_missing(const struct group *g, struct warnset *now, bool whole,
			struct warndiff *d)
{
	size_t missing = g->n_b > g->n_n ? g->n_b - g->n_n : 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < g->n_b && missing > 0; i++) {
		const struct warning *old = g->b[i];

		/* The lines of those that are told again may have moved. */
		if (nameset_has(&now->lines, old->line) && g->n_b - i > missing)
			continue;
		missing--;
		if (whole || nameset_has(&now->made, old->unit)) {
			d->fixed++;
			continue;
		}
		d->known++;
		r = add_once(now, old->line, strlen(old->line), old->unit);
	}
	return r;
}

static int compare(struct warnset *now, const struct warnset *before, bool whole,
		   const struct warning **b, const struct warning **n,
		   const struct warning **fresh, struct warndiff *d)
{
	int r = 0;

	while (r == 0 && (*b || *n)) {
		const char *key = !*n || (*b && strcmp((*b)->key, (*n)->key) < 0)
					  ? (*b)->key
					  : (*n)->key;
		struct group g = {b, n, same_key(b, key), same_key(n, key)};

		take_fresh(&g, before, fresh, &d->n_fresh);
		d->known += g.n_n < g.n_b ? g.n_n : g.n_b;
		r = take_missing(&g, now, whole, d);
		b += g.n_b;
		n += g.n_n;
	}
	return r;
}

int warnset_compare(struct warnset *now, const struct warnset *before, bool whole,
		    struct warndiff *ret)
{
	_cleanup_(warnset_freep) struct warnset *none = before ? NULL : warnset_new("");
	_free_ const struct warning **b = NULL;
	_free_ const struct warning **n = NULL;
	_free_ const struct warning **fresh = NULL;
	struct warndiff d = {0};
	size_t shown = now->n;
	int r;

	before = before ? before : none;
	/* Room for what is carried over, so that what n points to stays. */
	if (before && before->n + now->n > now->room) {
		struct warning *more =
			reallocarray(now->v, before->n + now->n, sizeof(*more));

		if (!more)
			return -ENOMEM;
		now->v = more;
		now->room = before->n + now->n;
	}
	b = before ? sorted(before) : NULL;
	n = sorted(now);
	fresh = calloc(now->n + 1, sizeof(const struct warning *));
	d.fresh = calloc(shown + 1, sizeof(*d.fresh));
	r = b && n && fresh && d.fresh ? 0 : -ENOMEM;
	if (r == 0)
		r = compare(now, before, whole, b, n, fresh, &d);
	if (r < 0) {
		warndiff_fini(&d);
		return r;
	}
	if (d.n_fresh > 0)
		qsort(fresh, d.n_fresh, sizeof(*fresh), by_order);
	for (size_t i = 0; i < d.n_fresh; i++)
		d.fresh[i] = fresh[i]->line;
	*ret = d;
	return 0;
}

/* --- as text --------------------------------------------------------------------------
 */

int warnset_print(const struct warnset *w, struct buf *out)
{
	json_t *list = json_array();
	json_t *all = json_pack("{s:i, s:o}", "version", VERSION, "warnings", list);
	_free_ char *text = NULL;
	int r = all ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < w->n; i++) {
		const struct warning *g = &w->v[i];

		/* Bytes that are no UTF-8 are no text: such a line is told each time. */
		json_t *one = json_pack("[s, s]", g->line, g->unit);

		if (one && json_array_append_new(list, one) < 0)
			r = -ENOMEM;
	}
	text = r == 0 ? json_dumps(all, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	if (r == 0)
		r = text ? buf_printf(out, "%s\n", text) : -ENOMEM;
	json_decref(all);
	return r;
}

static int take_all(struct warnset *w, const json_t *all)
{
	json_t *list = json_object_get(all, "warnings"), *one;
	size_t i;
	int r = json_is_array(list) && json_integer_value(
					       json_object_get(all, "version")) == VERSION
			? 0
			: -EBADMSG;

	json_array_foreach(list, i, one)
	{
		const char *line = json_string_value(json_array_get(one, 0));
		const char *unit = json_string_value(json_array_get(one, 1));

		if (r < 0)
			break;
		r = line && unit && strlen(line) <= LINE_KEPT && strlen(unit) <= LINE_KEPT
			    ? add_once(w, line, strlen(line), unit)
			    : -EBADMSG;
	}
	return r;
}

int warnset_parse(const char *text, size_t n, struct warnset **ret)
{
	_cleanup_(warnset_freep) struct warnset *w = warnset_new("");
	json_t *all = n <= WARNSET_TEXT ? json_loadb(text, n, 0, NULL) : NULL;
	int r = w ? all ? take_all(w, all) : -EBADMSG : -ENOMEM;

	json_decref(all);
	if (r == 0)
		*ret = TAKE_PTR(w);
	return r;
}
