// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry board setup and board info: the agent put there, and what it says the board is.
 */
#include <poll.h>
#include <string.h>

#include "controller/client.h"
#include "controller/cmd/cmd_board.h"
#include "controller/setup/setup.h"
#include "proto/reason.h"

#define FACTS_MS 30000 /* boot chains are probed, disks looked at */
#define RETRY_MS 200

/* {"cpu": {"model": ...}, ...} */
static json_t *facts_json(const Kferry__Facts *facts)
{
	json_t *groups = json_object();

	for (size_t i = 0; i < facts->n_fact; i++) {
		const Kferry__Fact *f = facts->fact[i];
		json_t *group = json_object_get(groups, f->group);

		if (!group) {
			group = json_object();
			json_object_set_new(groups, f->group, group);
		}
		json_object_set_new(group, f->name, json_string(f->value));
	}
	return groups;
}

static json_t *chains_json(const Kferry__Facts *facts)
{
	json_t *chains = json_array();

	for (size_t i = 0; i < facts->n_chain; i++)
		json_array_append_new(chains,
				      json_pack("{s:s, s:b, s:s}", "name",
						facts->chain[i]->name, "usable",
						(int)facts->chain[i]->usable, "reason",
						facts->chain[i]->reason));
	return chains;
}

static void show(struct cmd_env *env, const char *name, const struct client *c,
		 const Kferry__Facts *facts)
{
	const char *group = "";

	ui_out_paint(env->ui, UI_BOLD, "%s", name);
	ui_out(env->ui, "  %s, %s\n", client_describe(c), client_hello(c)->software);
	for (size_t i = 0; i < facts->n_fact; i++) {
		const Kferry__Fact *f = facts->fact[i];

		ui_out(env->ui, "  %-9s %-14s %s\n",
		       strcmp(group, f->group) ? f->group : "", f->name, f->value);
		group = f->group;
	}
	for (size_t i = 0; i < facts->n_chain; i++) {
		const Kferry__Chain *chain = facts->chain[i];

		ui_out(env->ui, "  %-9s %-14s %s%s%s\n", i ? "" : "chains", chain->name,
		       chain->usable ? "usable" : "not usable",
		       *chain->reason ? ": " : "", chain->reason);
	}
	ui_json(env->ui, json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "event", "facts",
				   "board", name, "link", client_describe(c), "agent",
				   client_hello(c)->software, "facts", facts_json(facts),
				   "chains", chains_json(facts)));
}

/* An agent that was started just now may need a moment. */
static int open_started(struct cmd_env *env, const char *name, struct client **ret,
			struct kf_error *err)
{
	deadline_ms deadline = cmd_connect_deadline(env, name);

	for (;;) {
		int rc = client_open(env->cfg, name, deadline, ret, err);

		if (rc == 0 || err->reason != KF_REASON_NO_AGENT ||
		    !deadline_left(deadline))
			return rc;
		poll(&(struct pollfd){.fd = cancel_fd(), .events = POLLIN}, 1, RETRY_MS);
	}
}

static int info(struct cmd_env *env, const char *name, bool started)
{
	Kferry__FactsRequest q = KFERRY__FACTS_REQUEST__INIT;
	Kferry__Envelope request = CLIENT_ENVELOPE(FACTS_REQUEST, facts_request, &q);
	const Kferry__Envelope *answer;
	struct kf_error err = {0};
	struct client *c;
	int rc;

	if (started)
		rc = open_started(env, name, &c, &err);
	else
		rc = client_open(env->cfg, name, cmd_connect_deadline(env, name), &c,
				 &err);
	if (rc < 0)
		return cmd_fail(env, name, &err);
	rc = client_call(c, &request, KFERRY__ENVELOPE__BODY_FACTS, deadline_in(FACTS_MS),
			 &answer, &err);
	if (rc == 0)
		show(env, name, c, answer->facts);
	client_close(c);
	return rc < 0 ? cmd_fail(env, name, &err) : STATUS_PASS;
}

int board_info(struct cmd_env *env, const char *name)
{
	return info(env, name, false);
}

int board_setup(struct cmd_env *env, const char *name, const struct board_args *a)
{
	struct kf_error err = {0};
	unsigned changes = 0;
	int rc;

	/* `board add` has seen to the key already; then this finds it good. */
	rc = board_host_key(env, name, a->accept, &err);
	if (rc == 0)
		rc = setup_board(env->cfg, env->ui, name, &changes, &err);
	if (rc < 0)
		return cmd_fail(env, name, &err);
	if (!changes)
		ui_step(env->ui, "setup", name, -1, NULL, "nothing to change");
	return info(env, name, changes > 0);
}
