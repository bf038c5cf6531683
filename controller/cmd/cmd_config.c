// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry config: read and change keys, see where values come from. */
#include <getopt.h>
#include <string.h>

#include "controller/cmd/cmd.h"
#include "proto/reason.h"

struct args {
	const char *board;
	bool user, tree, in_env, show_origin, man;
};

static const char *const layer_names[] = {
	[CONFIG_BUILTIN] = "built-in", [CONFIG_PROFILE] = "profile",
	[CONFIG_USER] = "user",	       [CONFIG_TREE] = "tree",
	[CONFIG_ENV] = "env",	       [CONFIG_COMMAND] = "command",
};

static int parse(struct cmd_env *env, int argc, char *argv[], struct args *ret)
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"user", no_argument, NULL, 'u'},
		{"tree", no_argument, NULL, 't'},
		{"env", no_argument, NULL, 'e'},
		{"show-origin", no_argument, NULL, 's'},
		{"man", no_argument, NULL, 'm'}, /* for the Makefile */
		{NULL, 0, NULL, 0},
	};
	int c;

	ret->board = env->board;
	while ((c = getopt_long(argc, argv, ":b:", options, NULL)) != -1) {
		if (c == 'b')
			ret->board = optarg;
		else if (c == 'u')
			ret->user = true;
		else if (c == 't')
			ret->tree = true;
		else if (c == 'e')
			ret->in_env = true;
		else if (c == 's')
			ret->show_origin = true;
		else if (c == 'm')
			ret->man = true;
		else
			return cmd_bad_option(env, "config", argv);
	}
	if (ret->user + ret->tree + ret->in_env > 1)
		return cmd_usage(env, "config", "one of --user, --tree and --env");
	if (ret->in_env && !config_env(env->cfg))
		return cmd_usage(env, "config",
				 "no environment is in use: `kferry env use NAME`");
	if (ret->board && !config_has_board(env->cfg, ret->board))
		return cmd_board_arg(env, "config", ret->board) ? 0 : STATUS_USAGE;
	return 0;
}

static void show(struct cmd_env *env, const struct args *a, const char *key,
		 bool value_only)
{
	enum config_layer layer;
	const char *where, *value;

	value = config_origin(env->cfg, a->board, key, &layer, &where);
	if (!value)
		return;
	if (value_only)
		ui_out(env->ui, "%s\n", value);
	else if (a->show_origin)
		ui_out(env->ui, "%s = %s\t(%s)\n", key, value, where);
	else
		ui_out(env->ui, "%s = %s\n", key, value);
	ui_json(env->ui,
		json_pack("{s:s, s:s, s:s, s:s, s:s}", "event", "config", "key", key,
			  "value", value, "layer", layer_names[layer], "where", where));
}

static int get(struct cmd_env *env, const struct args *a, const char *key)
{
	struct kf_error err = {0};
	const char *near = NULL;

	if (!config_find_key(key, &near))
		return cmd_usage(env, "config", "there is no key %s; the nearest is %s",
				 key, near);
	if (!config_get(env->cfg, a->board, key)) {
		kf_err(&err, -ENOENT, KF_REASON_NOT_FOUND, "%s is not set", key);
		return cmd_fail(env, a->board, &err);
	}
	show(env, a, key, true);
	return STATUS_PASS;
}

static int list(struct cmd_env *env, const struct args *a)
{
	for (const struct config_key *k = config_keys; k->name; k++)
		show(env, a, k->name, false);
	return STATUS_PASS;
}

static const char *const type_names[] = {
	[CONFIG_STRING] = "text", [CONFIG_BOOL] = "yes or no",
	[CONFIG_UINT] = "number", [CONFIG_SECONDS] = "time",
	[CONFIG_ARGV] = "words",  [CONFIG_CHOICE] = "choice",
	[CONFIG_PATH] = "path",	  [CONFIG_LINES] = "lines of words",
};

/* The keys as kferry.ini(5) has them: scdoc, a heading for each section. */
static int keys_man(struct cmd_env *env)
{
	const char *section = "";

	for (const struct config_key *k = config_keys; k->name; k++) {
		size_t n = strcspn(k->name, ".");

		if (strncmp(section, k->name, n + 1))
			ui_out(env->ui, "## [%.*s]\n\n", (int)n, k->name);
		section = k->name;
		ui_out(env->ui, "*%s* (%s", k->name + n + 1, type_names[k->type]);
		if (k->choices)
			ui_out(env->ui, ": %s", k->choices);
		ui_out(env->ui, k->builtin ? "; default: %s)\n" : ")\n", k->builtin);
		ui_out(env->ui, "\t");
		for (const char *c = k->help; *c; c++)
			ui_out(env->ui, strchr("_*\\-", *c) ? "\\%c" : "%c", *c);
		ui_out(env->ui, ".%s\n\n",
		       k->board_only ? " Only in a [board NAME] section." : "");
	}
	return STATUS_PASS;
}

static int keys(struct cmd_env *env)
{
	for (const struct config_key *k = config_keys; k->name; k++) {
		ui_out(env->ui, "%-24s %s", k->name, k->help);
		if (k->choices)
			ui_out(env->ui, " (%s)", k->choices);
		if (k->builtin)
			ui_out(env->ui, " [%s]", k->builtin);
		ui_out(env->ui, "\n");
		ui_json(env->ui,
			json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s*, s:b}", "event", "key",
				  "key", k->name, "type", type_names[k->type], "help",
				  k->help, "default", k->builtin, "choices", k->choices,
				  "board_only", (int)k->board_only));
	}
	return STATUS_PASS;
}

/* What was set counts only once the environment is left. */
static void warn_of_env(struct cmd_env *env, const struct args *a, const char *key,
			enum config_layer layer)
{
	enum config_layer wins = CONFIG_BUILTIN;
	const char *value = config_origin(env->cfg, a->board, key, &wins, NULL);

	if (value && layer < CONFIG_ENV && wins == CONFIG_ENV)
		ui_warn(env->ui, "the environment %s, which is in use, sets %s to %s",
			config_env(env->cfg), key, value);
}

static int change(struct cmd_env *env, const struct args *a, const char *key,
		  const char *value)
{
	struct kf_error err = {0};
	enum config_layer layer;

	if (a->in_env)
		layer = CONFIG_ENV;
	else if (a->user || a->tree)
		layer = a->user ? CONFIG_USER : CONFIG_TREE;
	else if (a->board)
		layer = config_board_layer(env->cfg, a->board);
	else
		layer = *config_tree(env->cfg) ? CONFIG_TREE : CONFIG_USER;
	if (config_write(env->cfg, layer, a->board, key, value, &err) < 0)
		return cmd_fail(env, a->board, &err);
	warn_of_env(env, a, key, layer);
	ui_note(env->ui, "%s: %s%s%s", config_file(env->cfg, layer), key,
		value ? " = " : " is no longer set", value ? value : "");
	return STATUS_PASS;
}

int cmd_config(struct cmd_env *env, int argc, char *argv[])
{
	struct args a = {0};
	const char *verb;
	int rc = parse(env, argc, argv, &a);

	if (rc)
		return rc;
	argc -= optind;
	argv += optind;
	verb = argc ? argv[0] : "list";
	if (!strcmp(verb, "get") && argc == 2)
		return get(env, &a, argv[1]);
	if (!strcmp(verb, "set") && argc == 3)
		return change(env, &a, argv[1], argv[2]);
	if (!strcmp(verb, "unset") && argc == 2)
		return change(env, &a, argv[1], NULL);
	if (!strcmp(verb, "list") && argc <= 1)
		return list(env, &a);
	if (!strcmp(verb, "keys") && argc == 1)
		return a.man ? keys_man(env) : keys(env);
	return cmd_usage(env, "config",
			 "get KEY, set KEY VALUE, unset KEY, list or keys");
}
