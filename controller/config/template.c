// SPDX-License-Identifier: GPL-2.0-or-later
#include "controller/config/template.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/cancel.h"
#include "controller/config/config_internal.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/base/proc.h"
#include "proto/digest.h"
#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/text.h"

#define SUFFIX	  ".ini"
#define DEPTH_MAX 3	/* names of a path */
#define FILES_MAX 20000 /* looked at: more is not a directory of templates */

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

/* --- where they are -------------------------------------------------------------------
 */

bool template_is_url(const char *from)
{
	size_t host = strcspn(from, ":/");

	if (strstr(from, "://"))
		return true;
	/* user@host:path, as ssh has it. */
	return from[host] == ':' && memchr(from, '@', host) && from[0] != '-';
}

static int clone(const struct config *cfg, const char *url, const char *dir,
		 struct kf_error *err)
{
	/* Transports that run a program of the URL's are not among them. */
	static const char *const env[] = {"GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
					  "GIT_ALLOW_PROTOCOL=https:http:ssh:git:file",
					  NULL};
	const char *const argv[] = {
		"git",	     "clone", "--quiet", "--depth", "1", "--single-branch",
		"--no-tags", "--",    url,	 dir,	    NULL};
	_buf_ struct buf out = {.max = 64 * 1024};
	struct proc_opts opts = {
		.inherit_env = true,
		.env_extra = env,
		.timeout_ms = (int)config_ms(cfg, NULL, "timeout.clone"),
		.cancel = cancel_flag(),
		.out = &out,
		.reason = KF_REASON_EXEC,
	};
	int r = proc_check(argv, &opts, err);

	if (r == -ETIMEDOUT)
		return kf_err(err, r, KF_REASON_TIMEOUT,
			      "cloning %s took longer than %d s (timeout.clone)", url,
			      opts.timeout_ms / 1000);
	return r < 0 ? kf_err_wrap(err, "clone %s", url) : 0;
}

/* Beside its place first: a clone that fails leaves the one before. */
static int clone_anew(const struct config *cfg, const char *url, char **ret,
		      struct kf_error *err)
{
	_free_ char *tmp = NULL, *dir = NULL;
	char hex[DIGEST_HEX];
	struct digest d;
	int r;

	digest_bytes(url, strlen(url), &d);
	digest_hex(&d, hex);
	dir = strf("%s/templates/%.16s", config_cache_dir(cfg), hex);
	tmp = dir ? strf("%s.new-XXXXXX", dir) : NULL;
	if (!tmp)
		return no_memory(err);
	r = fs_mkdirs_parent(AT_FDCWD, dir);
	if (r == 0 && !mkdtemp(tmp))
		r = -errno;
	if (r < 0)
		return kf_err(err, r, KF_REASON_IO, "make %s: %m", tmp);
	r = clone(cfg, url, tmp, err);
	if (r == 0) {
		r = fs_remove_tree(AT_FDCWD, dir);
		if (r == 0 && rename(tmp, dir) < 0)
			r = -errno;
		if (r < 0)
			kf_err(err, r, KF_REASON_IO, "replace %s: %m", dir);
	}
	if (r < 0)
		(void)!fs_remove_tree(AT_FDCWD, tmp);
	else
		*ret = TAKE_PTR(dir);
	return r;
}

int template_place(const struct config *cfg, const char *from, char **ret,
		   struct kf_error *err)
{
	struct stat st;

	if (stat(from, &st) == 0 && S_ISDIR(st.st_mode)) {
		*ret = strdup(from);
		return *ret ? 0 : no_memory(err);
	}
	if (template_is_url(from))
		return clone_anew(cfg, from, ret, err);
	return kf_err(err, -ENOENT, KF_REASON_USAGE,
		      "%s is no directory, and no URL of a git repository", from);
}

/* --- what is there --------------------------------------------------------------------
 */

struct walk {
	struct template_list *l;
	const char *dir;
	unsigned files;
	bool too_many;
};

/* "a/b/c.ini": every name a name, not too many of them. */
static bool is_template(const char *path, const struct stat *st, size_t *ret_len)
{
	size_t len = strlen(path), depth = 0;

	if (!S_ISREG(st->st_mode) || len <= strlen(SUFFIX) ||
	    strcmp(path + len - strlen(SUFFIX), SUFFIX) != 0)
		return false;
	*ret_len = len - strlen(SUFFIX);
	for (const char *at = path; *at; depth++) {
		size_t n = strcspn(at, "/");
		char name[LIMIT_NAME + 1];

		if (n > LIMIT_NAME)
			return false;
		snprintf(name, sizeof(name), "%.*s", (int)n, at);
		if (!text_is_name(name))
			return false;
		at += n + (at[n] == '/');
	}
	return depth <= DEPTH_MAX;
}

static void look_into(struct template *t)
{
	_cleanup_(config_freep) struct config *c = calloc(1, sizeof(*c));
	struct kf_error err = {0};

	if (!c || config_parse_file(c, CONFIG_PROFILE, t->name, t->path, &err) < 0) {
		t->trouble = strdup(c ? err.msg : "no memory");
		return;
	}
	for (size_t i = 0; i < c->count; i++)
		if (!strcmp(c->entries[i].key->name, "profile.description"))
			t->description = strdup(c->entries[i].value);
}

static int on_file(void *arg, int dirfd, const char *name, const char *path,
		   const struct stat *st)
{
	struct walk *w = arg;
	struct template *more, t = {0};
	size_t len;

	(void)dirfd;
	(void)name;
	w->too_many = ++w->files > FILES_MAX || w->l->n == TEMPLATES_MAX;
	if (w->too_many)
		return -E2BIG;
	if (!is_template(path, st, &len))
		return 0;
	more = reallocarray(w->l->list, w->l->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	w->l->list = more;
	t.name = strndup(path, len);
	t.path = strf("%s/%s", w->dir, path);
	more[w->l->n++] = t;
	if (!t.name || !t.path)
		return -ENOMEM;
	look_into(&more[w->l->n - 1]);
	return 0;
}

int template_find_all(const char *dir, struct template_list *ret, struct kf_error *err)
{
	struct template_list l = {0};
	struct walk w = {.l = &l, .dir = dir};
	int r = fs_walk(AT_FDCWD, dir, on_file, &w);

	if (r == 0) {
		*ret = l;
		return 0;
	}
	template_list_fini(&l);
	if (w.too_many)
		return kf_err(err, r, KF_REASON_USAGE,
			      "%s has more than %d templates, or more than %d files: it "
			      "is no directory of templates",
			      dir, TEMPLATES_MAX, FILES_MAX);
	return kf_err(err, r, KF_REASON_IO, "look for templates in %s: %m", dir);
}

void template_list_fini(struct template_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->list[i].name);
		free(l->list[i].path);
		free(l->list[i].description);
		free(l->list[i].trouble);
	}
	free(l->list);
	*l = (struct template_list){0};
}

/* --- one of them ----------------------------------------------------------------------
 */

static bool is_end(const char *full, const char *end)
{
	size_t n = strlen(full), m = strlen(end);

	return m < n && full[n - m - 1] == '/' && !strcmp(full + n - m, end);
}

static int choose(const struct template_list *l, const char *name,
		  const struct template **ret, struct kf_error *err)
{
	const struct template *found = NULL;

	for (size_t i = 0; i < l->n; i++) {
		const struct template *t = &l->list[i];

		if (name && !strcmp(t->name, name)) {
			*ret = t;
			return 0;
		}
		if (name && !is_end(t->name, name))
			continue;
		if (found)
			return kf_err(err, -EINVAL, KF_REASON_USAGE,
				      name ? "\"%s\" may be %s or %s: name one"
					   : "which template%s? Such as %s or %s",
				      name ? name : "", found->name, t->name);
		found = t;
	}
	if (!found)
		return kf_err(err, -ENOENT, KF_REASON_USAGE,
			      "there is no template \"%s\" there; --list shows those "
			      "there are",
			      name ? name : "");
	*ret = found;
	return 0;
}

int template_read(const struct template_list *l, const char *name, struct buf *text,
		  const struct template **ret, struct kf_error *err)
{
	int r = choose(l, name, ret, err);

	if (r < 0)
		return r;
	if ((*ret)->trouble)
		return kf_err(err, -EINVAL, KF_REASON_CONFIG, "%s", (*ret)->trouble);
	r = fs_read_file(AT_FDCWD, (*ret)->path, CONFIG_FILE_MAX, text);
	return r < 0 ? kf_err(err, r, KF_REASON_IO, "read %s: %m", (*ret)->path) : 0;
}
