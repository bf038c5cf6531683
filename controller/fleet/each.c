/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Jobs of a fleet that are a command each. */
#include "controller/fleet/each.h"

#include "controller/cmd/deploy_args.h"
#include "controller/fleet/fleet.h"
#include "proto/reason.h"

struct each {
	struct cmd_env *env;
	const char *board;
	each_fn fn;
	void *arg;
	bool at_once;
	int status;
};

static void serve(void *arg)
{
	struct each *e = arg;

	/* What was not tried has not passed. */
	if (atomic_load(cancel_flag()))
		return;
	ui_board(e->env->ui, e->board, e->at_once);
	if (!e->at_once)
		ui_out_paint(e->env->ui, UI_BOLD, "%s:\n", e->board);
	e->status = e->fn(e->env, e->board, e->arg);
	ui_board(e->env->ui, NULL, false);
}

static int no_memory(struct cmd_env *env)
{
	struct kf_error err = {0};

	kf_err(&err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	return cmd_fail(env, NULL, &err);
}

int each_board(struct cmd_env *env, const struct pick *p, bool at_once, each_fn fn,
	       void *arg)
{
	uint64_t most = at_once ? config_uint(env->cfg, NULL, "deploy.parallel") : 1;
	struct each *all = calloc(p->n + 1, sizeof(*all));
	struct fleet *fleet = NULL;
	int worst = STATUS_PASS;

	if (p->n == 1) {
		free(all);
		return fn(env, p->names[0], arg);
	}
	if (!all || fleet_new((unsigned)most, &fleet) < 0) {
		free(all);
		return no_memory(env);
	}
	for (size_t i = 0; i < p->n; i++) {
		all[i] = (struct each){env, p->names[i], fn, arg, at_once, STATUS_ERROR};
		if (fleet_add(fleet, serve, &all[i]) < 0)
			no_memory(env);
	}
	fleet_free(fleet);
	for (size_t i = 0; i < p->n; i++)
		worst = deploy_worse(worst, all[i].status);
	free(all);
	return worst;
}
