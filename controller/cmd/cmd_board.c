// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry board: the list of boards, and the way to what is done with one of them. */
#include "controller/cmd/cmd_board.h"

#include <getopt.h>
#include <string.h>

#include "controller/fleet/quarantine.h"
#include "proto/base/buf.h"
#include "proto/reason.h"

const char cmd_board_details[] =
	"  board add NAME [USER@]HOST[:PORT] [--profile P] [--no-setup]\n"
	"  board add NAME --link LINK [--run PROGRAM] [--profile P]\n"
	"  board setup [NAME]    put the agent there, or bring it up to "
	"date\n"
	"  board list [--names|--labels]  all boards\n"
	"  board info [NAME]     what a board is\n"
	"  board revive [NAME]   look at it, and take it out of "
	"quarantine\n"
	"  board default [NAME]  show or choose the default board\n"
	"  board rename OLD NEW\n"
	"  board rm NAME         forget it here; nothing on it is "
	"touched\n"
	"\n"
	"  --accept-host-key SHA256:...  with add and setup: the key it "
	"has\n"
	"  --force                       with setup: also onto a "
	"read-only root; with\n"
	"                                revive: without a look at "
	"it\n"
	"  --identity FILE               with add: the private key\n"
	"  --link LINK                   with add: exec:PROGRAM ARGS... "
	"or unix:/PATH\n"
	"  --default                     with add: the default board "
	"from now on\n";

static int list_names(struct cmd_env *env)
{
	const char *board;

	for (size_t i = 0; (board = config_board(env->cfg, i)); i++)
		ui_out(env->ui, "%s\n", board);
	return STATUS_PASS;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every label that some board has, once. */
static int list_labels(struct cmd_env *env)
{
	_buf_ struct buf all = BUF_INIT;
	_free_ char **words = NULL;
	const char *board, *labels;
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && (board = config_board(env->cfg, i)); i++) {
		labels = config_get(env->cfg, board, "board.labels");
		rc = labels ? buf_printf(&all, " %s", labels) : 0;
	}
	if (rc == 0 && buf_len(&all))
		rc = config_words(buf_str(&all), &words);
	if (rc < 0)
		return STATUS_ERROR;
	while (words && words[n])
		n++;
	if (n)
		qsort(words, n, sizeof(*words), compare);
	for (size_t i = 0; i < n; i++) {
		if (!i || strcmp(words[i], words[i - 1]))
			ui_out(env->ui, "%s\n", words[i]);
	}
	return STATUS_PASS;
}

static json_t *labels_json(const struct config *cfg, const char *board)
{
	_free_ char **words = config_argv(cfg, board, "board.labels");
	json_t *all = json_array();

	for (size_t i = 0; words && words[i]; i++)
		json_array_append_new(all, json_string(words[i]));
	return all;
}

static int list(struct cmd_env *env)
{
	const char *standard = config_default_board(env->cfg), *board;

	for (size_t i = 0; (board = config_board(env->cfg, i)); i++) {
		const char *link = config_get(env->cfg, board, "board.link");
		const char *host = config_get(env->cfg, board, "board.host");
		const char *profile = config_get(env->cfg, board, "board.profile");
		const char *labels = config_get(env->cfg, board, "board.labels");
		bool is_default = standard && !strcmp(standard, board);
		struct kf_error err = {0};
		json_t *quarantine;
		char aside[64];

		board_quarantine(env, board, aside, &quarantine);
		ui_out(env->ui, "%c %-16s %-14s %s%s%s%s%s%s\n", is_default ? '*' : ' ',
		       board, profile ? profile : "-", link, host ? " " : "",
		       host ? host : "", labels ? "  " : "", labels ? labels : "", aside);
		ui_json(env->ui,
			json_pack("{s:s, s:s, s:s*, s:s, s:s*, s:b, s:o, s:o*}", "event",
				  "board", "board", board, "profile", profile, "link",
				  link, "host", host, "default", (int)is_default,
				  "labels", labels_json(env->cfg, board), "quarantine",
				  quarantine));
		if (config_check_board(env->cfg, board, &err) < 0)
			ui_warn(env->ui, "%s cannot be used: %s", board, err.msg);
	}
	if (!config_board(env->cfg, 0))
		ui_note(env->ui,
			"no board is known yet; add one with `kferry board add`");
	return STATUS_PASS;
}

static int set_default(struct cmd_env *env, const char *name)
{
	enum config_layer layer = CONFIG_USER;
	struct kf_error err = {0};

	if (!name) {
		name = config_default_board(env->cfg);
		if (!name)
			return cmd_usage(env, "board", "no board is the default");
		ui_out(env->ui, "%s\n", name);
		ui_json(env->ui,
			json_pack("{s:s, s:s}", "event", "default-board", "board", name));
		return STATUS_PASS;
	}
	if (!cmd_board_arg(env, "board", name))
		return STATUS_USAGE;
	/* Where it is set now, it is changed: a lower layer would not be heard. */
	config_origin(env->cfg, NULL, "board.default", &layer, NULL);
	if (layer != CONFIG_TREE)
		layer = CONFIG_USER;
	if (config_write(env->cfg, layer, NULL, "board.default", name, &err) < 0)
		return cmd_fail(env, name, &err);
	ui_note(env->ui, "%s is the default board", name);
	return STATUS_PASS;
}

static int remove_board(struct cmd_env *env, const char *name)
{
	struct kf_error err = {0};

	if (!cmd_board_arg(env, "board", name))
		return STATUS_USAGE;
	if (config_remove_board(env->cfg, name, &err) < 0)
		return cmd_fail(env, name, &err);
	/* The next one of this name is another. */
	if (quarantine_clear(env->cfg, name, &err) < 0)
		ui_warn(env->ui, "%s: %s", name, err.msg);
	ui_note(env->ui, "%s is forgotten here; its agent and its kernels stay on it",
		name);
	return STATUS_PASS;
}

static int rename_board(struct cmd_env *env, const char *from, const char *to)
{
	struct kf_error err = {0};

	if (!cmd_board_arg(env, "board", from))
		return STATUS_USAGE;
	if (config_rename_board(env->cfg, from, to, &err) < 0)
		return cmd_fail(env, from, &err);
	if (quarantine_rename(env->cfg, from, to, &err) < 0)
		ui_warn(env->ui, "%s: %s", from, err.msg);
	ui_note(env->ui, "%s is now %s", from, to);
	return STATUS_PASS;
}

static int parse(struct cmd_env *env, int argc, char *argv[], struct board_args *ret)
{
	static const struct option options[] = {
		{"link", required_argument, NULL, 'l'},
		{"run", required_argument, NULL, 'r'},
		{"profile", required_argument, NULL, 'p'},
		{"identity", required_argument, NULL, 'i'},
		{"accept-host-key", required_argument, NULL, 'a'},
		{"default", no_argument, NULL, 'd'},
		{"no-setup", no_argument, NULL, 'n'},
		{"names", no_argument, NULL, 'N'},
		{"labels", no_argument, NULL, 'L'},
		{"force", no_argument, NULL, 'f'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, ":i:p:", options, NULL)) != -1) {
		if (c == 'l')
			ret->link = optarg;
		else if (c == 'r')
			ret->run = optarg;
		else if (c == 'p')
			ret->profile = optarg;
		else if (c == 'i')
			ret->identity = optarg;
		else if (c == 'a')
			ret->accept = optarg;
		else if (c == 'd')
			ret->make_default = true;
		else if (c == 'n')
			ret->no_setup = true;
		else if (c == 'N')
			ret->names = true;
		else if (c == 'L')
			ret->labels = true;
		else if (c == 'f')
			ret->force = true;
		else
			return cmd_bad_option(env, "board", argv);
	}
	return 0;
}

int cmd_board(struct cmd_env *env, int argc, char *argv[])
{
	struct board_args a = {0};
	const char *verb, *name;
	int rc = parse(env, argc, argv, &a);

	if (rc)
		return rc;
	argc -= optind;
	argv += optind;
	verb = argc ? argv[0] : "list";
	name = argc > 1 ? argv[1] : NULL;
	if (!strcmp(verb, "list") && argc <= 1 && a.labels && !ui_is_json(env->ui))
		return list_labels(env);
	if (!strcmp(verb, "list") && argc <= 1)
		return a.names && !ui_is_json(env->ui) ? list_names(env) : list(env);
	if (!strcmp(verb, "add") && argc == (a.link ? 2 : 3))
		return board_add(env, name, a.link ? NULL : argv[2], &a);
	if (!strcmp(verb, "rm") && argc == 2)
		return remove_board(env, name);
	if (!strcmp(verb, "rename") && argc == 3)
		return rename_board(env, name, argv[2]);
	if (!strcmp(verb, "default") && argc <= 2)
		return set_default(env, name);
	if (!strcmp(verb, "revive") && argc <= 2) {
		name = cmd_board_arg(env, "board", name);
		return name ? board_revive(env, name, &a) : STATUS_USAGE;
	}
	if (argc <= 2 && (!strcmp(verb, "info") || !strcmp(verb, "setup"))) {
		name = cmd_board_arg(env, "board", name);
		if (!name)
			return STATUS_USAGE;
		return *verb == 'i' ? board_info(env, name, false)
				    : board_setup(env, name, &a);
	}
	return cmd_usage(
		env, "board",
		"add NAME HOST, setup, list, info, revive, default, rename or rm");
}
