/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/module/module_call.h"

#include <string.h>

#include "controller/strf.h"
#include "proto/reason.h"

#define WATCH_MS 10000

int module_call_check(struct client *c, const char *board, struct kf_error *err)
{
	const Kferry__Hello *hello = client_hello(c);

	if (hello->features & FEATURE_MODULES)
		return 0;
	return kf_err(
		err, -EOPNOTSUPP, KF_REASON_UNSUPPORTED,
		"the agent of the board (%s) is too old for its modules to be changed; "
		"`kferry board setup %s` brings it up to date",
		hello->software, board);
}

int module_call_list(struct client *c, char *const names[], size_t n,
		     deadline_ms deadline, const Kferry__Modules **ret,
		     struct kf_error *err)
{
	Kferry__ModulesRequest q = KFERRY__MODULES_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(MODULES_REQUEST, modules_request, &q);
	const Kferry__Envelope *answer;
	int rc;

	q.name = (char **)names;
	q.n_name = n;
	rc = client_call(c, &env, KFERRY__ENVELOPE__BODY_MODULES, deadline, &answer, err);
	if (rc == 0)
		*ret = answer->modules;
	return rc;
}

int module_call_change(struct client *c, Kferry__ModuleAction action,
		       const struct module_spec *spec, deadline_ms deadline,
		       const Kferry__ModuleChange **ret, struct kf_error *err)
{
	Kferry__ModuleRequest q = KFERRY__MODULE_REQUEST__INIT;
	Kferry__Envelope env = CLIENT_ENVELOPE(MODULE_REQUEST, module_request, &q);
	const Kferry__Envelope *answer;
	int rc;

	q.action = action;
	q.name = spec->name;
	q.param = spec->params;
	q.n_param = spec->n_params;
	client_watch(c, WATCH_MS);
	rc = client_call(c, &env, KFERRY__ENVELOPE__BODY_MODULE_CHANGE, deadline, &answer,
			 err);
	client_watch(c, 0);
	if (rc == 0)
		*ret = answer->module_change;
	return rc;
}

int module_call_show(struct client *c, const char *slot, deadline_ms deadline,
		     const Kferry__ModulesShown **ret, struct kf_error *err)
{
	Kferry__ShowModulesRequest q = KFERRY__SHOW_MODULES_REQUEST__INIT;
	Kferry__Envelope env =
		CLIENT_ENVELOPE(SHOW_MODULES_REQUEST, show_modules_request, &q);
	const Kferry__Envelope *answer;
	int rc;

	q.slot = (char *)slot;
	rc = client_call(c, &env, KFERRY__ENVELOPE__BODY_MODULES_SHOWN, deadline, &answer,
			 err);
	if (rc == 0)
		*ret = answer->modules_shown;
	return rc;
}

static char plain(char c)
{
	return c == '-' ? '_' : c;
}

static bool same_name(const char *x, const char *y)
{
	for (; *x && plain(*x) == plain(*y); x++)
		y++;
	return !*x && !*y;
}

/* The others of a list, as " (with a, b)"; "" when there is none. */
static char *others(const char *name, char *const *v, size_t n)
{
	char *all = strdup("");

	for (size_t i = 0; all && i < n; i++) {
		char *more;

		if (same_name(v[i], name))
			continue;
		more = strf("%s%s%s", all, *all ? ", " : " (with ", v[i]);
		free(all);
		all = more;
	}
	if (all && *all) {
		char *closed = strf("%s)", all);

		free(all);
		all = closed;
	}
	return all;
}

char *module_call_text(const char *name, const Kferry__ModuleChange *m)
{
	bool out = m->n_unloaded > 0, in = m->n_loaded > 0;
	_free_ char *with = others(name, in ? m->loaded : m->unloaded,
				   in ? m->n_loaded : m->n_unloaded);

	if (!with)
		return NULL;
	if (!in && !out)
		return strf("%s was loaded already", name);
	return strf("%s %s%s", name,
		    in && out ? "unloaded and loaded again"
		    : in      ? "loaded"
			      : "unloaded",
		    with);
}

static json_t *names_json(char *const *v, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(v[i]));
	return list;
}

json_t *module_call_json(const char *action, const char *name,
			 const Kferry__ModuleChange *m)
{
	return json_pack("{s:s, s:s, s:o, s:o}", "action", action, "name", name,
			 "unloaded", names_json(m->unloaded, m->n_unloaded), "loaded",
			 names_json(m->loaded, m->n_loaded));
}
