/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/import/kwplan.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/import/kwfile.h"
#include "controller/import/kwmap.h"
#include "controller/kconfig/kconf.h"
#include "controller/kconfig/store.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define VALUE_MAX 150 /* bytes: a line of ours has 198 */
#define NAMES_MAX 1024

/* kw reads them in this order: what comes later counts. */
static const char *const files[] = {"kworkflow",    "build", "deploy", "vm",
				    "notification", "mail",  "lore",   "remote"};

struct place {
	const char *dir;
	enum config_layer layer;
	const char *env;
};

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

static void item_fini(struct kwplan_item *i)
{
	free(i->from);
	free(i->kw);
	free(i->env);
	free(i->board);
	free(i->key);
	free(i->value);
	free(i->why);
}

void kwplan_fini(struct kwplan *p)
{
	for (size_t i = 0; i < p->n; i++)
		item_fini(&p->v[i]);
	free(p->v);
	*p = (struct kwplan){0};
}

/* Takes what `one` has, also when it fails. */
static int add(struct kwplan *p, struct kwplan_item *one)
{
	struct kwplan_item *more = reallocarray(p->v, p->n + 1, sizeof(*more));

	if (!more || !one->from || !one->kw) {
		if (more)
			p->v = more;
		item_fini(one);
		return -ENOMEM;
	}
	p->v = more;
	more[p->n++] = *one;
	return 0;
}

static int add_nothing(struct kwplan *p, const char *from, const char *kw,
		       const char *why)
{
	struct kwplan_item one = {.kind = KWPLAN_NOTHING,
				  .from = strdup(from),
				  .kw = strdup(kw),
				  .why = strdup(why)};

	return add(p, &one);
}

/* --- settings -------------------------------------------------------------------------
 */

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* An earlier one for the same key does not count any more. */
static int give_up_earlier(struct kwplan *p, const struct kwplan_item *one)
{
	for (size_t i = 0; i < p->n; i++) {
		struct kwplan_item *old = &p->v[i];

		if (old->kind != KWPLAN_SET || old->layer != one->layer ||
		    !same_text(old->env, one->env) ||
		    !same_text(old->board, one->board) || strcmp(old->key, one->key) != 0)
			continue;
		old->kind = KWPLAN_NOTHING;
		old->why = strf("%s counts", one->from);
		if (!old->why)
			return -ENOMEM;
	}
	return 0;
}

/* Would our file take it?  NULL, or what it says. */
static char *refusal(const struct kwplan_item *one)
{
	static const struct config_paths nowhere = {"/nonexistent", "", NULL};
	struct kf_error err = {0};
	struct config *c = NULL;
	char *why = NULL;

	if (strlen(one->value) > VALUE_MAX)
		return strf("longer than %d bytes", VALUE_MAX);
	if (one->board)
		return NULL;
	if (config_load_plain(&nowhere, &c, &err) < 0 ||
	    config_override(c, one->key, one->value, &err) < 0)
		why = strdup(err.msg);
	config_free(c);
	return why;
}

static int add_setting(struct kwplan *p, const struct place *at, const char *board,
		       char *from, char *kw, struct kwmeaning *m)
{
	struct kwplan_item one = {
		.kind = KWPLAN_SET, .from = from, .kw = kw, .layer = at->layer};

	if (m->key) {
		one.key = strdup(m->key);
		one.value = TAKE_PTR(m->value);
		one.board = board ? strdup(board) : NULL;
		one.env = at->env ? strdup(at->env) : NULL;
		if (from && kw && one.key && one.value)
			one.why = refusal(&one);
	} else {
		one.why = strdup(m->why ? m->why : "");
	}
	if (one.why)
		one.kind = KWPLAN_NOTHING;
	else if (from && kw && one.key && give_up_earlier(p, &one) < 0) {
		item_fini(&one);
		return -ENOMEM;
	}
	return add(p, &one);
}

static int take_settings(struct kwplan *p, const struct place *at, const char *name,
			 const char *path, const struct kwfile *f)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->n; i++) {
		const struct kwline *l = &f->v[i];
		struct kwmeaning m = {0};

		if (*l->key)
			r = kwmap_setting(name, l->key, l->value, &m);
		else
			m.why = "this is no setting";
		if (r == 0)
			r = add_setting(
				p, at, NULL, strf("%s:%u", path, l->line),
				strf("%s%s%s", l->key, *l->key ? "=" : "", l->value), &m);
		free(m.value);
	}
	return r;
}

/* --- remotes --------------------------------------------------------------------------
 */

static bool is_board_name(const char *name)
{
	return text_is_name(name) && strlen(name) <= CONFIG_BOARD_MAX;
}

static bool is_port(const char *s)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	return *s >= '0' && *s <= '9' && !*end && n >= 1 && n <= 65535;
}

static int take_remote_line(struct kwplan *p, const struct place *at, const char *path,
			    const struct kwline *l)
{
	struct kwmeaning m = {0};
	int r = 0;

	if (!*l->key)
		m.why = "this is no setting";
	else if (!*l->host)
		m.why = "it stands before any Host: it is of no remote";
	else if (!is_board_name(l->host))
		m.why = "this Host cannot be the name of a board";
	else if (strcmp(l->key, "port") == 0 && !is_port(l->value))
		m.why = "this is no port";
	else
		r = kwmap_remote(l->key, l->value, &m);
	if (r == 0)
		r = add_setting(p, at, l->host, strf("%s:%u", path, l->line),
				strf("%s: %s %s", l->host, l->key, l->value), &m);
	free(m.value);
	return r;
}

static int take_remotes(struct kwplan *p, const struct place *at, const char *path,
			const struct kwfile *f)
{
	struct kwmeaning m = {.key = "board.default"};
	bool known = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->n; i++) {
		bool is_host = strcmp(f->v[i].key, "host") == 0;

		/* The head itself says nothing but the name. */
		if (is_host && is_board_name(f->v[i].value))
			known |= f->fallback && strcmp(f->v[i].value, f->fallback) == 0;
		else
			r = take_remote_line(p, at, path, &f->v[i]);
	}
	if (r < 0 || !f->fallback)
		return r;
	if (!known)
		return add_nothing(p, path, f->fallback,
				   "the default remote is none that is here");
	m.value = strdup(f->fallback);
	r = m.value ? add_setting(p, at, NULL, strdup(path),
				  strf("kw-default=%s", f->fallback), &m)
		    : -ENOMEM;
	free(m.value);
	return r;
}

/* --- directories ----------------------------------------------------------------------
 */

/* While an environment of kw's is in use, the tree's files are links to its. */
static bool is_link(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

static int take_file(struct kwplan *p, const struct place *at, const char *name,
		     struct kf_error *err)
{
	_free_ char *path = strf("%s/%s.config", at->dir, name);
	bool remotes = strcmp(name, "remote") == 0;
	_buf_ struct buf text = BUF_INIT;
	_kwfile_ struct kwfile f = {0};
	const char *data;
	int r;

	if (!path)
		return no_memory(err);
	if (at->layer == CONFIG_TREE && is_link(path))
		return 0;
	r = fs_read_file(AT_FDCWD, path, KWFILE_MAX, &text);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "read %s: %m", path);
	p->files++;
	data = buf_len(&text) ? (const char *)buf_data(&text) : "";
	r = remotes ? kwfile_parse_remotes(data, buf_len(&text), &f)
		    : kwfile_parse(data, buf_len(&text), &f);
	if (r == -EBADMSG)
		r = add_nothing(p, path, "", "it is no plain text");
	else if (r == 0)
		r = remotes ? take_remotes(p, at, path, &f)
			    : take_settings(p, at, name, path, &f);
	if (r == 0 && f.cut)
		r = add_nothing(p, path, "", "the lines behind the first 4096");
	return r < 0 ? no_memory(err) : 0;
}

static int take_dir(struct kwplan *p, const struct place *at, struct kf_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(files); i++)
		r = take_file(p, at, files[i], err);
	return r;
}

struct names {
	char *v[NAMES_MAX];
	size_t n;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void names_free(struct names *l)
{
	for (size_t i = 0; l && i < l->n; i++)
		free(l->v[i]);
	free(l);
}

/* What is in a directory, sorted; none: no such directory.  NULL: no memory. */
static struct names *names_of(const char *dir)
{
	struct names *l = calloc(1, sizeof(*l));
	_closedir_ DIR *d = opendir(dir);
	const struct dirent *de;

	while (l && d && l->n < NAMES_MAX && (de = readdir(d))) {
		if (de->d_name[0] == '.')
			continue;
		l->v[l->n] = strdup(de->d_name);
		if (!l->v[l->n]) {
			names_free(l);
			return NULL;
		}
		l->n++;
	}
	if (l && l->n > 0)
		qsort(l->v, l->n, sizeof(*l->v), by_name);
	return l;
}

/* --- environments ---------------------------------------------------------------------
 */

static int take_env(struct kwplan *p, const char *dir, const char *name,
		    const char *output, struct kf_error *err)
{
	struct place at = {dir, CONFIG_ENV, name};
	struct kwplan_item one = {.kind = KWPLAN_ENV,
				  .layer = CONFIG_ENV,
				  .from = strdup(dir),
				  .kw = strf("env %s", name)};

	if (!text_is_name(name)) {
		free(one.from);
		free(one.kw);
		return add_nothing(p, dir, name, "an environment cannot have this name")
			       ? no_memory(err)
			       : 0;
	}
	one.env = strdup(name);
	one.value = fs_exists(AT_FDCWD, output) ? strdup(output) : NULL;
	if (!one.env || add(p, &one) < 0)
		return no_memory(err);
	p->files++;
	return take_dir(p, &at, err);
}

static int take_current(struct kwplan *p, const char *kw, struct kf_error *err)
{
	_free_ char *path = strf("%s/env.current", kw);
	_free_ char *name = NULL;
	struct kwplan_item one = {.kind = KWPLAN_USE};

	if (!path || fs_read_line(AT_FDCWD, path, &name) < 0)
		return path ? 0 : no_memory(err);
	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].kind != KWPLAN_ENV || strcmp(p->v[i].env, name) != 0)
			continue;
		one = (struct kwplan_item){.kind = KWPLAN_USE,
					   .layer = CONFIG_ENV,
					   .from = strdup(path),
					   .kw = strdup(name),
					   .env = strdup(name)};
		return add(p, &one) < 0 ? no_memory(err) : 0;
	}
	return add_nothing(p, path, text_is_name(name) ? name : "",
			   "there is no such environment") < 0
		       ? no_memory(err)
		       : 0;
}

static int take_envs(struct kwplan *p, const char *kw, const char *outputs,
		     struct kf_error *err)
{
	_free_ char *dir = strf("%s/envs", kw);
	struct names *l = dir ? names_of(dir) : NULL;
	int r = l ? 0 : no_memory(err);

	for (size_t i = 0; r == 0 && i < l->n; i++) {
		_free_ char *one = strf("%s/%s", dir, l->v[i]);
		_free_ char *output = strf("%s/%s", outputs, l->v[i]);

		r = one && output ? take_env(p, one, l->v[i], output, err)
				  : no_memory(err);
	}
	names_free(l);
	return r < 0 ? r : take_current(p, kw, err);
}

/* --- kernel configurations ------------------------------------------------------------
 */

static int take_kconfig(struct kwplan *p, const char *path, const char *name)
{
	struct kwplan_item one = {.kind = KWPLAN_KCONFIG,
				  .layer = CONFIG_USER,
				  .from = strdup(path),
				  .kw = strdup(name),
				  .key = strdup(name),
				  .value = strdup(path)};
	_buf_ struct buf text = BUF_INIT;
	_kconf_ struct kconf k = {0};
	struct kf_error err = {0};

	if (!one.key || !one.value) {
		item_fini(&one);
		return -ENOMEM;
	}
	if (shelf_check_name(name, &err) < 0 ||
	    kconf_read_file(path, &text, &k, &err) < 0) {
		one.kind = KWPLAN_NOTHING;
		one.why = strdup(err.msg);
	}
	p->files++;
	return add(p, &one);
}

/* Files in `store`; older ones have a directory "configs" for them. */
static int take_store(struct kwplan *p, const char *store, struct kf_error *err)
{
	_free_ char *inner = strf("%s/configs", store);
	const char *dir = inner && fs_exists(AT_FDCWD, inner) ? inner : store;
	struct names *l = inner ? names_of(dir) : NULL;
	int r = l ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < l->n; i++) {
		_free_ char *path = strf("%s/%s", dir, l->v[i]);
		struct stat st;

		if (!path)
			r = -ENOMEM;
		else if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
			r = take_kconfig(p, path, l->v[i]);
	}
	names_free(l);
	return r < 0 ? no_memory(err) : 0;
}

int kwplan_make(const struct kwplan_places *places, struct kwplan *ret,
		struct kf_error *err)
{
	_free_ char *kw = places->tree ? strf("%s/.kw", places->tree) : NULL;
	const struct place user = {places->user, CONFIG_USER, NULL};
	const struct place tree = {kw, CONFIG_TREE, NULL};
	_kwplan_ struct kwplan p = {0};
	int r = take_dir(&p, &user, err);

	if (r == 0 && places->tree && !kw)
		r = no_memory(err);
	if (r == 0 && kw)
		r = take_dir(&p, &tree, err);
	if (r == 0 && kw)
		r = take_envs(&p, kw, places->output, err);
	if (r == 0)
		r = take_store(&p, places->store, err);
	if (r < 0)
		return r;
	*ret = p;
	p = (struct kwplan){0};
	return 0;
}
