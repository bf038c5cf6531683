// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry board info: what the board is, what its profile says, and where they disagree.
 */
#include <poll.h>
#include <string.h>

#include "controller/client.h"
#include "controller/cmd/cmd_board.h"
#include "controller/deploy/fit.h"
#include "proto/reason.h"

#define FACTS_MS 30000 /* boot chains are probed, disks looked at */
#define RETRY_MS 200

/* What a profile says that matters on the board, in the order it is shown. */
static const char *const profile_keys[] = {
	"board.profile",       "profile.description", "build.arch",
	"build.cross_compile", "build.image",	      "build.dtbs",
	"boot.chain",	       "boot.cmdline_extra",  "boot.trial_cmdline",
	"console.kernel",      "kernel.initramfs",    "kernel.modules",
	"kernel.require",      "watchdog.device",     "watchdog.timeout",
	"watchdog.starts",     "pstore.backend",      "agent.path",
	"agent.state_dir",     "agent.boot_dir",      "deploy.after_pass",
	"health.checks",       "timeout.reboot",      "timeout.confirm",
};

/* --- as JSON -------------------------------------------------------------------- */

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
		json_array_append_new(
			chains,
			json_pack("{s:s, s:b, s:s, s:b}", "name", facts->chain[i]->name,
				  "usable", (int)facts->chain[i]->usable, "reason",
				  facts->chain[i]->reason, "in_use",
				  !strcmp(facts->chain[i]->name, facts->chain_in_use)));
	return chains;
}

static json_t *watchdogs_json(const Kferry__Facts *facts)
{
	json_t *all = json_array();

	for (size_t i = 0; i < facts->n_watchdog; i++) {
		const Kferry__Watchdog *w = facts->watchdog[i];

		json_array_append_new(
			all,
			json_pack("{s:s, s:s, s:i, s:i, s:i, s:b, s:b, s:b, s:s}",
				  "device", w->device, "identity", w->identity,
				  "timeout_s", (int)w->timeout_s, "min_timeout_s",
				  (int)w->min_timeout_s, "max_timeout_s",
				  (int)w->max_timeout_s, "nowayout", (int)w->nowayout,
				  "reset_board", (int)w->reset_board, "software",
				  (int)w->software, "holder", w->holder));
	}
	return all;
}

static json_t *profile_json(const struct cmd_env *env, const char *name)
{
	json_t *profile = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(profile_keys); i++) {
		const char *value = config_get(env->cfg, name, profile_keys[i]);

		if (value)
			json_object_set_new(profile, profile_keys[i], json_string(value));
	}
	return profile;
}

/* --- as text -------------------------------------------------------------------- */

static bool seen_before(const Kferry__Facts *facts, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (!strcmp(facts->fact[j]->group, facts->fact[i]->group))
			return true;
	return false;
}

/* All of a group together, wherever an agent has put them. */
static void show_facts(struct cmd_env *env, const Kferry__Facts *facts)
{
	for (size_t i = 0; i < facts->n_fact; i++) {
		const char *group = facts->fact[i]->group, *label = group;

		if (seen_before(facts, i))
			continue;
		for (size_t j = i; j < facts->n_fact; j++) {
			const Kferry__Fact *f = facts->fact[j];

			if (strcmp(f->group, group))
				continue;
			ui_out(env->ui, "  %-9s %-16s %s\n", label, f->name, f->value);
			label = "";
		}
	}
}

static void show_chains(struct cmd_env *env, const Kferry__Facts *facts)
{
	for (size_t i = 0; i < facts->n_chain; i++) {
		const Kferry__Chain *chain = facts->chain[i];
		bool in_use = !strcmp(chain->name, facts->chain_in_use);

		ui_out(env->ui, "  %-9s %-16s %s%s%s\n", i ? "" : "chains", chain->name,
		       in_use	       ? "in use"
		       : chain->usable ? "usable"
				       : "not usable",
		       *chain->reason ? ": " : "", chain->reason);
	}
}

static void show_profile(struct cmd_env *env, const char *name)
{
	const char *label = "profile";

	for (size_t i = 0; i < ARRAY_SIZE(profile_keys); i++) {
		const char *value = config_get(env->cfg, name, profile_keys[i]);

		/* One line of output for each line of the value. */
		for (bool first = true; value && *value; first = false) {
			size_t n = strcspn(value, "\n");

			ui_out(env->ui, "  %-9s %-16s %.*s\n", label,
			       first ? profile_keys[i] : "", (int)n, value);
			label = "";
			value += n + (value[n] == '\n');
		}
	}
}

struct contradictions {
	struct cmd_env *env;
	json_t *all;
};

static void contradicts(void *arg, const char *text)
{
	struct contradictions *c = arg;

	ui_out_paint(c->env->ui, UI_YELLOW, "  ! %s", text);
	ui_out(c->env->ui, "\n");
	json_array_append_new(c->all, json_string(text));
}

static void show(struct cmd_env *env, const char *name, const struct client *c,
		 const Kferry__Facts *facts)
{
	struct contradictions all = {.env = env, .all = json_array()};

	ui_out_paint(env->ui, UI_BOLD, "%s", name);
	ui_out(env->ui, "  %s, %s\n", client_describe(c), client_hello(c)->software);
	show_facts(env, facts);
	show_chains(env, facts);
	show_profile(env, name);
	fit_check(env->cfg, name, client_hello(c), facts, contradicts, &all);
	ui_json(env->ui,
		json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "event",
			  "facts", "board", name, "link", client_describe(c), "agent",
			  client_hello(c)->software, "facts", facts_json(facts), "chains",
			  chains_json(facts), "watchdogs", watchdogs_json(facts),
			  "profile", profile_json(env, name), "contradictions", all.all));
}

/* --- asking --------------------------------------------------------------------- */

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

int board_info(struct cmd_env *env, const char *name, bool started)
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
		rc = cmd_connect(env, name, &request, &c, &err);
	if (rc < 0)
		return cmd_fail(env, name, &err);
	rc = client_call(c, &request, KFERRY__ENVELOPE__BODY_FACTS, deadline_in(FACTS_MS),
			 &answer, &err);
	if (rc == 0)
		show(env, name, c, answer->facts);
	client_close(c);
	return rc < 0 ? cmd_fail(env, name, &err) : STATUS_PASS;
}
