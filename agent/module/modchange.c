/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is loaded is read before and after each step, and the difference is what is told:
 * modprobe loads and unloads more than was named.
 */
#include "agent/module/modchange.h"

#include <fcntl.h>
#include <string.h>

#include "agent/module/modprobe.h"
#include "agent/oserr.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/reason.h"

#define REASON_MAX 300 /* bytes of a list of names in an error */

static void names_free(char **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i]);
	free(v);
}

void modchange_fini(struct modchange *c)
{
	names_free(c->unloaded, c->n_unloaded);
	names_free(c->loaded, c->n_loaded);
	*c = (struct modchange){0};
}

static int read_list(const struct agent *a, struct modlist *ret, struct kf_error *err)
{
	int rc = modlist_read(a, ret);

	return rc < 0 ? oserr(err, rc, "read /proc/modules") : 0;
}

static int add_name(char ***v, size_t *n, const char *name)
{
	char **more = reallocarray(*v, *n + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	*v = more;
	more[*n] = strdup(name);
	if (!more[*n])
		return -ENOMEM;
	++*n;
	return 0;
}

/* Names in `in` that are not in `out`, appended; the kernel's list has the newest first.
 */
static int difference(const struct modlist *in, const struct modlist *out,
		      bool oldest_first, char ***v, size_t *n)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < in->n; i++) {
		const char *name = in->v[oldest_first ? in->n - 1 - i : i].name;

		if (!modlist_find(out, name))
			rc = add_name(v, n, name);
	}
	return rc;
}

static int tell(const struct modlist *before, const struct modlist *between,
		const struct modlist *after, struct modchange *ret, struct kf_error *err)
{
	_modchange_ struct modchange c = {0};
	int rc = difference(before, between, false, &c.unloaded, &c.n_unloaded);

	if (rc == 0)
		rc = difference(after, between, true, &c.loaded, &c.n_loaded);
	if (rc < 0)
		return oserr(err, rc, "tell what has changed");
	*ret = c;
	c = (struct modchange){0};
	return 0;
}

/* --- why not -------------------------------------------------------------------- */

static bool is_built_in(const struct agent *a, const char *name)
{
	_free_ char *path = NULL;

	if (asprintf(&path, "%s/sys/module/%s", a->root, name) < 0) {
		path = NULL;
		return false;
	}
	for (char *c = path + strlen(a->root) + strlen("/sys/module/"); *c; c++)
		if (*c == '-')
			*c = '_';
	return fs_exists(AT_FDCWD, path);
}

static int not_loaded(const struct agent *a, const char *name, struct kf_error *err)
{
	if (is_built_in(a, name))
		return kf_err(err, -ENOENT, KF_REASON_NOT_FOUND,
			      "%s is built into the kernel: it cannot be unloaded", name);
	return kf_err(err, -ENOENT, KF_REASON_NOT_FOUND, "the module %s is not loaded",
		      name);
}

/* Can it go, once all modules that use it have gone? */
static int check_free(const struct module *m, struct kf_error *err)
{
	int others = m->users - (int)m->n_holders;

	if (m->users < 0)
		return kf_err(err, -EBUSY, KF_REASON_MODULE_IN_USE,
			      "this kernel unloads no modules (CONFIG_MODULE_UNLOAD)");
	if (m->permanent)
		return kf_err(err, -EBUSY, KF_REASON_MODULE_IN_USE,
			      "%s cannot be unloaded: it has no way to end (no exit "
			      "function)",
			      m->name);
	if (others <= 0)
		return 0;
	return kf_err(
		err, -EBUSY, KF_REASON_MODULE_IN_USE,
		"%s cannot be unloaded: besides %zu modules it has %d user%s: a device "
		"that is open, a mount, an interface that is up or the like",
		m->name, m->n_holders, others, others == 1 ? "" : "s");
}

static int held(const struct module *m, struct kf_error *err)
{
	_buf_ struct buf list = {.max = REASON_MAX};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < m->n_holders; i++)
		rc = buf_printf(&list, "%s%s", i ? ", " : "", m->holders[i]);
	return kf_err(
		err, -EBUSY, KF_REASON_MODULE_IN_USE,
		"%s cannot be unloaded: it is used by %s (a reload takes them along)",
		m->name, buf_len(&list) ? buf_str(&list) : "other modules");
}

/* --- unloading ------------------------------------------------------------------ */

/* Indices of a module and all that use it, in the order in which they can go. */
struct order {
	const struct modlist *list;
	size_t *v;
	size_t n;
	bool *seen;
};

static void order_fini(struct order *o)
{
	free(o->v);
	free(o->seen);
}

/* Depth: at most the number of modules, each is entered once. */
static int add_to_order(struct order *o, const struct module *m, struct kf_error *err)
{
	size_t at = (size_t)(m - o->list->v);
	int rc;

	if (o->seen[at])
		return 0;
	o->seen[at] = true;
	rc = check_free(m, err);
	for (size_t i = 0; rc == 0 && i < m->n_holders; i++) {
		const struct module *holder = modlist_find(o->list, m->holders[i]);

		if (holder)
			rc = add_to_order(o, holder, err);
	}
	if (rc == 0)
		o->v[o->n++] = at;
	return rc;
}

static int make_order(const struct modlist *list, const struct module *m,
		      struct order *ret, struct kf_error *err)
{
	*ret = (struct order){.list = list,
			      .v = calloc(list->n, sizeof(size_t)),
			      .seen = calloc(list->n, sizeof(bool))};
	if (!ret->v || !ret->seen)
		return oserr(err, -ENOMEM, "find out who uses %s", m->name);
	return add_to_order(ret, m, err);
}

/* It went with another meanwhile: fine. */
static int unload_one(const struct agent *a, const char *name, struct kf_error *err)
{
	_modlist_ struct modlist now = {0};
	int rc = read_list(a, &now, err);

	if (rc < 0 || !modlist_find(&now, name))
		return rc;
	rc = modprobe_unload(a, name, err);
	if (rc < 0 && err->reason == KF_REASON_MODULE)
		err->reason = KF_REASON_MODULE_IN_USE;
	if (rc < 0)
		return kf_err_wrap(err, "unload %s", name);
	modlist_fini(&now);
	rc = read_list(a, &now, err);
	if (rc == 0 && modlist_find(&now, name))
		rc = kf_err(err, -EBUSY, KF_REASON_MODULE_IN_USE,
			    "%s is still loaded after modprobe -r", name);
	return rc;
}

int modchange_unload(const struct agent *a, const char *name, struct modchange *ret,
		     struct kf_error *err)
{
	_modlist_ struct modlist before = {0}, after = {0};
	const struct module *m = NULL;
	int rc = read_list(a, &before, err);

	if (rc == 0) {
		m = modlist_find(&before, name);
		rc = !m		    ? not_loaded(a, name, err)
		     : m->n_holders ? held(m, err)
				    : check_free(m, err);
	}
	if (rc == 0)
		rc = unload_one(a, m->name, err);
	if (rc == 0)
		rc = read_list(a, &after, err);
	if (rc == 0)
		rc = tell(&before, &after, &after, ret, err);
	if (rc == 0)
		log_info("module name=%s event=unloaded", name);
	return rc;
}

/* --- loading -------------------------------------------------------------------- */

int modchange_load(const struct agent *a, const char *name, char *const params[],
		   size_t n_params, struct modchange *ret, struct kf_error *err)
{
	_modlist_ struct modlist before = {0}, after = {0};
	int rc = read_list(a, &before, err);

	if (rc == 0 && n_params > 0 && modlist_find(&before, name))
		rc = kf_err(err, -EEXIST, KF_REASON_EXISTS,
			    "%s is loaded already: reload it for other parameters", name);
	if (rc == 0)
		rc = modprobe_load(a, name, params, n_params, err);
	if (rc == 0)
		rc = read_list(a, &after, err);
	if (rc == 0)
		rc = tell(&before, &before, &after, ret, err);
	if (rc == 0)
		log_info("module name=%s event=loaded new=%zu", name, ret->n_loaded);
	return rc;
}

/* Whatever of `before` is not there now; the first error counts, the rest is still done.
 */
static int load_missing(const struct agent *a, const struct modlist *before,
			struct kf_error *err)
{
	int result = 0;

	for (size_t i = before->n; i-- > 0;) {
		_modlist_ struct modlist now = {0};
		struct kf_error e = {0};
		int rc = read_list(a, &now, &e);

		if (rc == 0 && !modlist_find(&now, before->v[i].name))
			rc = modprobe_load(a, before->v[i].name, NULL, 0, &e);
		if (rc < 0)
			log_warn("module name=%s error=\"%s\"", before->v[i].name, e.msg);
		if (rc < 0 && result == 0) {
			*err = e;
			result = kf_err_wrap(err, "load %s again", before->v[i].name);
		}
	}
	return result;
}

/* What is missing now that was there before: said behind the error. */
static void say_missing(const struct agent *a, const struct modlist *before,
			struct kf_error *err)
{
	_buf_ struct buf list = {.max = REASON_MAX};
	_modlist_ struct modlist now = {0};
	struct kf_error e = {0};

	if (read_list(a, &now, &e) < 0)
		return;
	for (size_t i = 0; i < before->n; i++)
		if (!modlist_find(&now, before->v[i].name) &&
		    buf_printf(&list, "%s%s", buf_len(&list) ? ", " : "",
			       before->v[i].name) < 0)
			break;
	if (buf_len(&list) > 0) {
		e = *err;
		kf_err(err, e.code, e.reason, "%s; not loaded any more: %s", e.msg,
		       buf_str(&list));
	}
}

static int unload_order(const struct agent *a, const struct order *o,
			struct kf_error *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < o->n; i++)
		rc = unload_one(a, o->list->v[o->v[i]].name, err);
	return rc;
}

/* From where all that had to go is gone. */
static int load_again(const struct agent *a, const struct modlist *before,
		      const char *name, char *const params[], size_t n_params,
		      struct modchange *ret, struct kf_error *err)
{
	_modlist_ struct modlist between = {0}, after = {0};
	int rc = read_list(a, &between, err);

	if (rc == 0)
		rc = modprobe_load(a, name, params, n_params, err);
	if (rc < 0)
		return rc;
	rc = load_missing(a, before, err);
	if (rc == 0)
		rc = read_list(a, &after, err);
	return rc < 0 ? rc : tell(before, &between, &after, ret, err);
}

int modchange_reload(const struct agent *a, const char *name, char *const params[],
		     size_t n_params, struct modchange *ret, struct kf_error *err)
{
	_cleanup_(order_fini) struct order o = {.n = 0};
	_modlist_ struct modlist before = {0};
	const struct module *m;
	struct kf_error e;
	int rc = read_list(a, &before, err);

	if (rc < 0)
		return rc;
	m = modlist_find(&before, name);
	if (!m)
		return modchange_load(a, name, params, n_params, ret, err);
	rc = make_order(&before, m, &o, err);
	if (rc < 0)
		return rc;
	rc = unload_order(a, &o, err);
	if (rc == 0)
		rc = load_again(a, &before, m->name, params, n_params, ret, err);
	if (rc < 0) {
		if (err->reason != KF_REASON_MODULE)
			(void)!load_missing(a, &before, &e);
		say_missing(a, &before, err);
		return rc;
	}
	log_info("module name=%s event=reloaded unloaded=%zu loaded=%zu", name,
		 ret->n_unloaded, ret->n_loaded);
	return 0;
}
