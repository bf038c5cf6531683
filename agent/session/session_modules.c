/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests of modules: what is loaded, changing that, and whose modules are shown. */
#include <string.h>

#include "agent/module/modchange.h"
#include "agent/module/modsource.h"
#include "agent/oserr.h"
#include "agent/session/msg.h"
#include "agent/session/session_op.h"
#include "agent/slot/shown.h"
#include "agent/trial/trial.h"
#include "proto/reason.h"
#include "proto/text.h"

#define ROOM (LIMIT_CONTROL - 8192) /* of an answer, for the modules in it */

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "out of memory");
}

/* --- what is loaded ------------------------------------------------------------- */

/* A module may bear a name that our names cannot: it is left out. */
static int copy_names(char *const *v, size_t n, char ***ret, size_t *ret_n)
{
	*ret = calloc(n + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (size_t i = 0; i < n && *ret_n < LIMIT_LIST; i++) {
		if (!text_is_name(v[i]))
			continue;
		(*ret)[*ret_n] = msg_text(v[i], LIMIT_NAME);
		if (!(*ret)[*ret_n])
			return -ENOMEM;
		++*ret_n;
	}
	return 0;
}

static int fill_module(const struct module *m, const char *slot, Kferry__Module *ret)
{
	ret->name = msg_text(m->name, LIMIT_NAME);
	ret->size = m->size;
	ret->users = m->users;
	ret->state = msg_text(m->state, LIMIT_NAME);
	ret->taint = msg_text(m->taint, LIMIT_NAME);
	ret->slot = msg_text(slot, LIMIT_NAME);
	if (!ret->name || !ret->state || !ret->taint || !ret->slot)
		return -ENOMEM;
	return copy_names(m->holders, m->n_holders, &ret->holder, &ret->n_holder);
}

static int add_module(Kferry__Modules *all, const struct module *m, const char *slot,
		      size_t *room)
{
	Kferry__Module *one = malloc(sizeof(*one));
	size_t n;
	int rc;

	if (!one)
		return -ENOMEM;
	kferry__module__init(one);
	rc = fill_module(m, slot, one);
	n = rc < 0 ? 0 : kferry__module__get_packed_size(one) + 8;
	if (rc == 0 && n <= *room && all->n_module < LIMIT_LIST) {
		all->module[all->n_module++] = one;
		*room -= n;
		return 0;
	}
	kferry__module__free_unpacked(one, NULL);
	all->left_out += rc == 0;
	return rc;
}

static bool is_asked(const Kferry__ModulesRequest *q, const struct modlist *l,
		     const struct module *m)
{
	for (size_t i = 0; i < q->n_name; i++)
		if (modlist_find(l, q->name[i]) == m)
			return true;
	return q->n_name == 0;
}

static int fill_list(struct agent *a, const Kferry__ModulesRequest *q,
		     const struct modlist *l, const struct modsource *src,
		     Kferry__Modules *m)
{
	char shown[SLOT_ID_SIZE];
	size_t room = ROOM;
	int rc = 0;

	shown_now(a, shown);
	m->release = msg_text(a->boot.release, LIMIT_NAME);
	m->running_slot = msg_text(a->boot.slot, LIMIT_NAME);
	m->modules_slot = msg_text(shown, LIMIT_NAME);
	m->module = calloc(l->n + 1, sizeof(*m->module));
	if (!m->release || !m->running_slot || !m->modules_slot || !m->module)
		return -ENOMEM;
	for (size_t i = 0; rc == 0 && i < l->n; i++)
		if (text_is_name(l->v[i].name) && is_asked(q, l, &l->v[i]))
			rc = add_module(m, &l->v[i], modsource_of(src, l->v[i].name),
					&room);
	return rc;
}

static int list(struct agent *a, const Kferry__Envelope *req, uint64_t log_us,
		Kferry__Envelope *answer, struct kf_error *err)
{
	struct modsource *src = NULL;
	_modlist_ struct modlist l = {0};
	Kferry__Modules *m = malloc(sizeof(*m));
	int rc;

	if (!m)
		return no_memory(err);
	kferry__modules__init(m);
	answer->body_case = KFERRY__ENVELOPE__BODY_MODULES;
	answer->modules = m;
	m->log_us = log_us;
	rc = modlist_read(a, &l);
	if (rc < 0)
		return oserr(err, rc, "read /proc/modules");
	rc = modsource_new(a, &src);
	if (rc == 0)
		rc = fill_list(a, req->modules_request, &l, src, m);
	modsource_free(src);
	return rc < 0 ? no_memory(err) : 0;
}

/* --- changing it ---------------------------------------------------------------- */

static int change(struct agent *a, const Kferry__Envelope *req, Kferry__Envelope *answer,
		  struct kf_error *err)
{
	const Kferry__ModuleRequest *q = req->module_request;
	_modchange_ struct modchange c = {0};
	Kferry__ModuleChange *m = malloc(sizeof(*m));
	int rc = -EINVAL;

	if (!m)
		return no_memory(err);
	kferry__module_change__init(m);
	answer->body_case = KFERRY__ENVELOPE__BODY_MODULE_CHANGE;
	answer->module_change = m;
	if (q->action == KFERRY__MODULE_ACTION__MODULE_LOAD)
		rc = modchange_load(a, q->name, q->param, q->n_param, &c, err);
	else if (q->action == KFERRY__MODULE_ACTION__MODULE_RELOAD)
		rc = modchange_reload(a, q->name, q->param, q->n_param, &c, err);
	else if (q->action == KFERRY__MODULE_ACTION__MODULE_UNLOAD && q->n_param == 0)
		rc = modchange_unload(a, q->name, &c, err);
	else
		kf_err(err, rc, KF_REASON_INVALID,
		       "what to do with the module %s is not valid", q->name);
	if (rc < 0)
		return rc;
	if (copy_names(c.unloaded, c.n_unloaded, &m->unloaded, &m->n_unloaded) < 0 ||
	    copy_names(c.loaded, c.n_loaded, &m->loaded, &m->n_loaded) < 0)
		return no_memory(err);
	return 0;
}

/* --- whose are shown ------------------------------------------------------------ */

/* What becomes of a trial has to be its own modules' doing. */
static int check_no_trial(const struct agent *a, struct kf_error *err)
{
	unsigned timeout_s;

	if (!trial_timeout(a, &timeout_s))
		return 0;
	return kf_err(err, -EBUSY, KF_REASON_NOT_RUNNING,
		      "slot %s is on trial, and stays with its own modules until it is "
		      "confirmed (kferry kernels confirm)",
		      a->boot.slot);
}

static int show(struct agent *a, const Kferry__Envelope *req, uint64_t log_us,
		Kferry__Envelope *answer, struct kf_error *err)
{
	_free_ struct shown_change *c = calloc(1, sizeof(*c));
	Kferry__ModulesShown *m = malloc(sizeof(*m));
	int rc;

	if (!m || !c) {
		free(m);
		return no_memory(err);
	}
	kferry__modules_shown__init(m);
	answer->body_case = KFERRY__ENVELOPE__BODY_MODULES_SHOWN;
	answer->modules_shown = m;
	rc = check_no_trial(a, err);
	if (rc == 0)
		rc = shown_switch(a, req->show_modules_request->slot, c, err);
	if (rc < 0)
		return rc;
	m->slot = msg_text(c->slot, LIMIT_NAME);
	m->release = msg_text(c->release, LIMIT_RELEASE);
	m->changed = c->changed;
	m->total = c->total;
	m->log_us = log_us;
	m->name = calloc(c->n_names + 1, sizeof(*m->name));
	if (!m->slot || !m->release || !m->name)
		return no_memory(err);
	for (size_t i = 0; i < c->n_names; i++) {
		m->name[i] = msg_text(c->names[i], LIMIT_NAME);
		if (!m->name[i])
			return no_memory(err);
		m->n_name++;
	}
	return 0;
}

int session_modules_work(struct agent *a, const Kferry__Envelope *req, uint64_t log_us,
			 Kferry__Envelope **ret, struct kf_error *err)
{
	Kferry__Envelope *answer = malloc(sizeof(*answer));

	if (!answer)
		return no_memory(err);
	kferry__envelope__init(answer);
	*ret = answer; /* released by the caller also after an error */
	if (req->body_case == KFERRY__ENVELOPE__BODY_MODULES_REQUEST)
		return list(a, req, log_us, answer, err);
	if (req->body_case == KFERRY__ENVELOPE__BODY_MODULE_REQUEST)
		return change(a, req, answer, err);
	return show(a, req, log_us, answer, err);
}
