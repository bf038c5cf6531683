// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry module: what is loaded on a board, and changing it while its kernel runs. */
#include <getopt.h>
#include <string.h>

#include "controller/cmd/cmd.h"
#include "controller/module/module_call.h"
#include "controller/module/module_log.h"
#include "proto/reason.h"
#include "proto/text.h"

struct modules {
	struct cmd_env *env;
	const char *board;
	struct client *client;
	const char *verb;
	struct module_spec *specs;
	size_t n;
	struct patterns *patterns; /* for what the kernel says of a change */
};

static deadline_ms change_deadline(const struct modules *m)
{
	return deadline_in(config_ms(m->env->cfg, m->board, "timeout.install"));
}

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

/* --- the list ------------------------------------------------------------------- */

static const char *or_dash(const char *s)
{
	return *s ? s : "-";
}

static int wider(int width, const char *text)
{
	int n = (int)strlen(text);

	return n > width ? n : width;
}

static void show_module(struct ui *ui, int width, const Kferry__Module *m,
			const char *expected)
{
	char size[16], users[16] = "-";
	bool old = *expected && *m->slot && strcmp(m->slot, expected) != 0;

	if (m->users >= 0)
		snprintf(users, sizeof(users), "%d", m->users);
	ui_out_paint(ui, old ? UI_YELLOW : UI_PLAIN, "%-*s  %9s  %5s  %-9s  %-5s  %-10s",
		     width, m->name, text_bytes(m->size, size), users, m->state,
		     or_dash(m->taint), or_dash(m->slot));
	for (size_t i = 0; i < m->n_holder; i++)
		ui_out(ui, "%s%s", i ? ", " : "  ", m->holder[i]);
	ui_out(ui, "\n");
}

static json_t *module_json(const Kferry__Module *m)
{
	json_t *holders = json_array();

	for (size_t i = 0; i < m->n_holder; i++)
		json_array_append_new(holders, json_string(m->holder[i]));
	return json_pack("{s:s, s:I, s:i, s:o, s:s, s:s, s:s}", "name", m->name, "size",
			 (json_int_t)m->size, "users", (int)m->users, "holders", holders,
			 "state", m->state, "taint", m->taint, "slot", m->slot);
}

static void show_list(const struct modules *m, const Kferry__Modules *all)
{
	struct ui *ui = m->env->ui;
	json_t *list = json_array();
	int width = 4;

	for (size_t i = 0; i < all->n_module; i++)
		width = wider(width, all->module[i]->name);
	ui_out(ui, "%-*s  %9s  %5s  %-9s  %-5s  %-10s  %s\n", width, "NAME", "SIZE",
	       "USERS", "STATE", "TAINT", "SLOT", "USED BY");
	for (size_t i = 0; i < all->n_module; i++) {
		show_module(ui, width, all->module[i], all->modules_slot);
		json_array_append_new(list, module_json(all->module[i]));
	}
	if (*all->modules_slot && strcmp(all->modules_slot, all->running_slot) != 0)
		ui_note(ui,
			"%s: %s runs; /lib/modules/%s shows the modules of %s until "
			"the next boot",
			m->board, all->running_slot, all->release, all->modules_slot);
	if (all->left_out)
		ui_warn(ui, "%s: %u more modules are loaded; name those you want",
			m->board, all->left_out);
	ui_json(ui,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:i}", "event", "module-list",
			  "board", m->board, "release", all->release, "running_slot",
			  all->running_slot, "modules_slot", all->modules_slot, "modules",
			  list, "left_out", (int)all->left_out));
}

static int list(struct modules *m, struct kf_error *err)
{
	_free_ char **names = calloc(m->n + 1, sizeof(*names));
	const Kferry__Modules *all;
	int rc;

	if (!names)
		return no_memory(err);
	for (size_t i = 0; i < m->n; i++)
		names[i] = m->specs[i].name;
	rc = module_call_list(m->client, names, m->n,
			      cmd_connect_deadline(m->env, m->board), &all, err);
	if (rc == 0)
		show_list(m, all);
	return rc;
}

/* --- changes -------------------------------------------------------------------- */

static Kferry__ModuleAction action_of(const char *verb)
{
	if (strcmp(verb, "load") == 0)
		return KFERRY__MODULE_ACTION__MODULE_LOAD;
	return strcmp(verb, "unload") == 0 ? KFERRY__MODULE_ACTION__MODULE_UNLOAD
					   : KFERRY__MODULE_ACTION__MODULE_RELOAD;
}

static int change_one(struct modules *m, const struct module_spec *spec,
		      struct kf_error *err)
{
	int64_t start = clock_now_ms();
	const Kferry__ModuleChange *done;
	_free_ char *said = NULL;
	int rc;

	ui_progress(m->env->ui, "module", m->board, 0, 0, spec->name);
	rc = module_call_change(m->client, action_of(m->verb), spec, change_deadline(m),
				&done, err);
	ui_progress_end(m->env->ui, m->board);
	if (rc < 0 && err->reason == KF_REASON_CONNECTION)
		return kf_err_wrap(err, "the board may have died of it (`kferry dmesg "
					"--boot -1` when it is back)");
	if (rc < 0)
		return rc;
	said = module_call_text(spec->name, done);
	ui_step(m->env->ui, "module", m->board, clock_now_ms() - start,
		module_call_json(m->verb, spec->name, done), "%s",
		said ? said : spec->name);
	return 0;
}

/* What the kernel said; a fault in it is an error. */
static int look_at_log(struct modules *m, uint64_t since_us, struct kf_error *err)
{
	_cleanup_(classifier_freep) struct classifier *c = NULL;
	struct module_log l = {.client = m->client,
			       .ui = m->env->ui,
			       .board = m->board,
			       .since_us = since_us,
			       .deadline = change_deadline(m),
			       .fd = -1};
	const struct finding *worst;
	int rc;

	if (classifier_new(m->patterns, &c) < 0)
		return no_memory(err);
	l.classifier = c;
	rc = module_log_take(&l, err);
	worst = findings_cause(classifier_findings(c));
	if (rc == 0 && worst && worst->severity >= SEVERITY_ERROR)
		rc = kf_err(err, -EIO, KF_REASON_UNHEALTHY, "%s: \"%s\"",
			    worst->class_name, worst->title);
	return rc;
}

/* Also what does not load has said something. */
static int change(struct modules *m, struct kf_error *err)
{
	const Kferry__Modules *before;
	struct kf_error log = {0};
	uint64_t since_us;
	int rc = module_call_list(m->client, &m->specs[0].name, 1,
				  cmd_connect_deadline(m->env, m->board), &before, err);

	if (rc < 0)
		return rc;
	since_us = before->log_us;
	for (size_t i = 0; rc == 0 && i < m->n; i++)
		rc = change_one(m, &m->specs[i], err);
	if (rc < 0 && err->reason != KF_REASON_MODULE)
		return rc;
	if (look_at_log(m, since_us, &log) < 0 &&
	    (rc == 0 || log.reason == KF_REASON_UNHEALTHY)) {
		*err = log;
		rc = log.code;
	}
	return rc;
}

static int restore(struct modules *m, struct kf_error *err)
{
	const Kferry__ModulesShown *shown;
	int rc = module_call_show(m->client, "", change_deadline(m), &shown, err);

	if (rc == 0)
		ui_step(m->env->ui, "modules", m->board, -1,
			json_pack("{s:s, s:s, s:i, s:i}", "slot", shown->slot, "release",
				  shown->release, "changed", (int)shown->changed, "total",
				  (int)shown->total),
			"%u of %u modules changed; those of %s are shown again, which "
			"runs",
			shown->changed, shown->total, shown->slot);
	return rc;
}

/* --- the command ---------------------------------------------------------------- */

static int dispatch(struct modules *m, struct kf_error *err)
{
	int rc = module_call_check(m->client, m->board, err);

	if (rc < 0)
		return rc;
	if (strcmp(m->verb, "list") == 0)
		return list(m, err);
	return strcmp(m->verb, "restore") == 0 ? restore(m, err) : change(m, err);
}

static bool has_params(const struct modules *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->specs[i].n_params > 0)
			return true;
	return false;
}

/* Before anything is connected to. */
static int check(struct modules *m, int argc, char *argv[])
{
	static const char *const verbs[] = {"list", "load", "unload", "reload",
					    "restore"};
	struct kf_error err = {0};
	bool loads, known = false;

	m->verb = argc ? argv[0] : "list";
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		known = known || strcmp(m->verb, verbs[i]) == 0;
	if (!known)
		return cmd_usage(m->env, "module",
				 "list [NAME...], load, unload or reload NAME..., or "
				 "restore; not \"%s\"",
				 m->verb);
	if (module_specs_of(argv + 1, argc ? (size_t)argc - 1 : 0, &m->specs, &m->n,
			    &err) < 0)
		return cmd_usage(m->env, "module", "%s", err.msg);
	loads = strcmp(m->verb, "load") == 0 || strcmp(m->verb, "reload") == 0;
	if (has_params(m) && !loads)
		return cmd_usage(m->env, "module", "%s takes no parameters", m->verb);
	if (m->n == 0 && (loads || strcmp(m->verb, "unload") == 0))
		return cmd_usage(m->env, "module", "%s which module?", m->verb);
	if (m->n > 0 && strcmp(m->verb, "restore") == 0)
		return cmd_usage(m->env, "module", "restore is for all modules at once");
	return 0;
}

static int run(struct modules *m, int argc, char *argv[])
{
	struct kf_error err = {0};
	int rc = check(m, argc, argv);

	if (rc)
		return rc;
	m->board = cmd_board_arg(m->env, "module", m->board);
	if (!m->board)
		return STATUS_USAGE;
	rc = patterns_load(m->env->cfg, m->board, &m->patterns, &err);
	if (rc == 0)
		rc = cmd_connect(m->env, m->board, NULL, &m->client, &err);
	if (rc == 0)
		rc = dispatch(m, &err);
	client_close(m->client);
	return rc < 0 ? cmd_fail(m->env, m->board, &err) : STATUS_PASS;
}

int cmd_module(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{NULL, 0, NULL, 0},
	};
	struct modules m = {.env = env};
	int c, status;

	while ((c = getopt_long(argc, argv, ":b:", options, NULL)) != -1) {
		if (c == 'b')
			m.board = optarg;
		else
			return cmd_bad_option(env, "module", argv);
	}
	status = run(&m, argc - optind, argv + optind);
	for (size_t i = 0; i < m.n; i++)
		module_spec_fini(&m.specs[i]);
	free(m.specs);
	patterns_free(m.patterns);
	return status;
}
