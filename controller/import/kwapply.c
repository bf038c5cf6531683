/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Carrying a plan out: first what speaks against it, then all of it. */
#include <fcntl.h>
#include <string.h>

#include "controller/env/env.h"
#include "controller/import/kwplan.h"
#include "controller/kconfig/store.h"
#include "controller/strf.h"
#include "proto/base/fs.h"
#include "proto/reason.h"

struct apply {
	const struct kwplan *plan;
	struct config *user; /* outside of any tree */
	struct config *tree; /* the tree's, where one is in one, without an environment */
	char *store;
	bool force;
};

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

static struct config *config_of(const struct apply *a, enum config_layer layer)
{
	return layer == CONFIG_USER ? a->user : a->tree;
}

/* --- what is there --------------------------------------------------------------------
 */

/* "~/" of one may be the home directory of the other. */
static bool same_value(const char *ours, const char *theirs)
{
	const char *home = getenv("HOME");
	_free_ char *full = home && strncmp(theirs, "~/", 2) == 0
				    ? strf("%s%s", home, theirs + 1)
				    : NULL;

	return strcmp(ours, theirs) == 0 || (full && strcmp(ours, full) == 0);
}

static int check_key(const struct apply *a, const struct kwplan_item *i,
		     struct kf_error *err)
{
	const struct config *c = config_of(a, i->layer);
	enum config_layer layer = CONFIG_BUILTIN;
	const char *where = NULL, *now = NULL;

	if (!i->board || config_has_board(c, i->board))
		now = config_origin(c, i->board, i->key, &layer, &where);
	if (!now || layer != i->layer || same_value(now, i->value))
		return 0;
	return kf_err(
		err, -EEXIST, KF_REASON_EXISTS,
		"%s is %s already (%s), and kw has %s (%s): --force replaces it, and "
		"what else is there already",
		i->key, now, where ? where : "", i->value, i->from);
}

static bool has_env(const struct apply *a, const char *name)
{
	_free_ char *path = strf("%s/%s", config_env_dir(a->tree), name);

	return path && fs_exists(AT_FDCWD, path);
}

static bool is_kept(const struct apply *a, const struct kwplan_item *i)
{
	_buf_ struct buf ours = BUF_INIT, theirs = BUF_INIT;
	struct kf_error none = {0};

	return store_get(a->store, i->key, &ours, &none) == 0 &&
	       fs_read_file(AT_FDCWD, i->value, KCONF_MAX, &theirs) == 0 &&
	       buf_len(&ours) == buf_len(&theirs) &&
	       (!buf_len(&ours) ||
		memcmp(buf_data(&ours), buf_data(&theirs), buf_len(&ours)) == 0);
}

static int check_item(const struct apply *a, const struct kwplan_item *i,
		      struct kf_error *err)
{
	if (i->kind == KWPLAN_SET && i->layer != CONFIG_ENV)
		return check_key(a, i, err);
	if (i->kind == KWPLAN_ENV && has_env(a, i->env))
		return kf_err(err, -EEXIST, KF_REASON_EXISTS,
			      "there is an environment %s already: --force sets its keys "
			      "anew",
			      i->env);
	if (i->kind == KWPLAN_KCONFIG && shelf_has(a->store, i->key) && !is_kept(a, i))
		return kf_err(err, -EEXIST, KF_REASON_EXISTS,
			      "there is another configuration called %s already: --force "
			      "replaces it",
			      i->key);
	return 0;
}

/* --- doing it -------------------------------------------------------------------------
 */

static int set_in_env(const struct apply *a, const struct kwplan_item *i,
		      struct kf_error *err)
{
	_free_ char *file =
		strf("%s/%s/" CONFIG_ENV_FILE, config_env_dir(a->tree), i->env);
	struct config *c = NULL;
	int r = file ? config_env_open(file, &c, err) : no_memory(err);

	if (r == 0)
		r = config_write(c, CONFIG_ENV, NULL, i->key, i->value, err);
	config_free(c);
	return r;
}

static int make_env(const struct apply *a, const struct kwplan_item *i,
		    struct kf_error *err)
{
	const struct env_spec spec = {.output = i->value};

	return has_env(a, i->env) ? 0 : env_create(a->tree, i->env, &spec, err);
}

static int keep_config(const struct apply *a, const struct kwplan_item *i,
		       struct kf_error *err)
{
	_buf_ struct buf text = BUF_INIT;
	_kconf_ struct kconf k = {0};
	int r;

	if (is_kept(a, i))
		return 0;
	r = kconf_read_file(i->value, &text, &k, err);
	return r < 0 ? r
		     : store_save(a->store, i->key, "from kw", i->value, &k, &text, true,
				  err);
}

static int do_item(const struct apply *a, const struct kwplan_item *i,
		   struct kf_error *err)
{
	switch (i->kind) {
	case KWPLAN_SET:
		if (i->layer == CONFIG_ENV)
			return set_in_env(a, i, err);
		return config_write(config_of(a, i->layer), i->layer, i->board, i->key,
				    i->value, err);
	case KWPLAN_ENV:
		return make_env(a, i, err);
	case KWPLAN_USE:
		return env_use(a->tree, i->env, err);
	case KWPLAN_KCONFIG:
		return keep_config(a, i, err);
	case KWPLAN_NOTHING:
		break;
	}
	return 0;
}

static int run(const struct apply *a, struct kf_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && !a->force && i < a->plan->n; i++)
		r = check_item(a, &a->plan->v[i], err);
	for (size_t i = 0; r == 0 && i < a->plan->n; i++) {
		r = do_item(a, &a->plan->v[i], err);
		if (r < 0)
			kf_err_wrap(err, "%s", a->plan->v[i].from);
	}
	return r;
}

int kwplan_apply(const struct kwplan *p, bool force, struct kf_error *err)
{
	static const struct config_paths no_tree = {NULL, "", NULL};
	struct apply a = {.plan = p, .force = force};
	int r = config_load_plain(&no_tree, &a.user, err);

	if (r == 0)
		r = config_load_plain(NULL, &a.tree, err);
	if (r == 0 && !(a.store = strf("%s/" STORE_DIR, config_data_dir(a.user))))
		r = no_memory(err);
	if (r == 0)
		r = run(&a, err);
	config_free(a.user);
	config_free(a.tree);
	free(a.store);
	return r;
}
