// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry gui: a board's graphical session on or off, now or from the next boot on. */
#include <getopt.h>
#include <string.h>

#include "controller/cmd/cmd.h"
#include "controller/desktop/boardtext.h"
#include "proto/reason.h"

const char cmd_gui_details[] =
	"  gui           how it is\n"
	"  gui on|off    systemd's graphical.target, or multi-user.target, now\n"
	"\n"
	"  --after-reboot     not now, but from the next boot on\n"
	"  -b, --board BOARD  the board\n"
	"\nOff frees the display and its driver: what runs in the graphical session "
	"ends.\n";

/* $1: "", or the command for systemctl and its target.  On a scratch board only its own
 * systemctl is meant. */
static const char script[] =
	"[ -z \"${KFERRY_ROOT-}\" ] || PATH=$KFERRY_ROOT/bin\n"
	"if [ ! -d \"${KFERRY_ROOT-}/run/systemd/system\" ]; then\n"
	"	echo 'systemd does not run this board, so there is no graphical target' "
	">&2\n"
	"	exit 1\n"
	"fi\n"
	"look() {\n"
	"	echo \"active$1 $(systemctl is-active graphical.target)\"\n"
	"	echo \"default$1 $(systemctl get-default)\"\n"
	"}\n"
	"look -before\n"
	"if [ -n \"$1\" ]; then\n"
	"	systemctl $1 || exit 1\n"
	"fi\n"
	"look ''\n"
	"systemctl cat display-manager.service >/dev/null 2>&1 || echo 'manager none'\n"
	"exit 0\n";

struct gui {
	struct cmd_env *env;
	const char *board, *verb; /* "on", "off"; NULL: only look */
	bool later;
	struct buf answer;
};

/* The value of a word in the answer, "" if it was not told; the caller's. */
static char *value_of(const struct gui *g, const char *word)
{
	const char *text = (const char *)buf_data(&g->answer), *line = text;
	size_t n = strlen(word);

	while (line && *line) {
		if (!strncmp(line, word, n) && line[n] == ' ')
			return strndup(line + n + 1, strcspn(line + n + 1, "\n"));
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return strdup("");
}

static bool is(const struct gui *g, const char *word, const char *value)
{
	_free_ char *have = value_of(g, word);

	return have && strcmp(have, value) == 0;
}

static const char *on_off(bool on)
{
	return on ? "on" : "off";
}

/* Takes json. */
static void show_now(const struct gui *g, json_t *json, bool on, bool next)
{
	json_object_set_new(json, "event", json_string("gui"));
	json_object_set_new(json, "board", json_string(g->board));
	ui_out(g->env->ui, "%s; %s after a reboot\n", on_off(on), on_off(next));
	ui_json(g->env->ui, json);
}

static void show(const struct gui *g)
{
	bool on = is(g, "active", "active"), was = is(g, "active-before", "active");
	bool next = is(g, "default", "graphical.target");
	bool next_was = is(g, "default-before", "graphical.target");
	bool bare = is(g, "manager", "none");
	json_t *json = json_pack("{s:b, s:b, s:b, s:b, s:b}", "on", (int)on, "was_on",
				 (int)was, "after_reboot", (int)next, "after_reboot_was",
				 (int)next_was, "display_manager", (int)!bare);

	if (g->verb && g->later)
		ui_step(g->env->ui, "gui", g->board, -1, json,
			"%s from the next boot on%s", on_off(next),
			next == next_was ? ", as it was" : "");
	else if (g->verb)
		ui_step(g->env->ui, "gui", g->board, -1, json, "%s%s; %s after a reboot",
			on_off(on), on == was ? ", as it was" : "", on_off(next));
	else
		show_now(g, json, on, next);
	if (bare && g->verb && strcmp(g->verb, "on") == 0)
		ui_warn(g->env->ui,
			"%s: no display manager is installed there, so that "
			"graphical.target shows nothing by itself",
			g->board);
}

static int run(struct gui *g, struct kf_error *err)
{
	bool on = g->verb && strcmp(g->verb, "on") == 0;
	char command[64] = "";
	int rc;

	if (g->verb)
		snprintf(command, sizeof(command), "%s %s",
			 g->later ? "set-default" : "isolate",
			 on ? "graphical.target" : "multi-user.target");
	rc = boardtext_run(g->env->cfg, g->board, script, command, &g->answer, err);
	if (rc == 0 && !buf_str(&g->answer))
		rc = kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	if (rc == 0 && g->verb && !g->later && is(g, "active", "active") != on)
		rc = kf_err(err, -EIO, KF_REASON_EXEC,
			    "systemctl %s said nothing, but graphical.target is %s",
			    command, on ? "not active" : "still active");
	if (rc == 0 && g->later && is(g, "default", "graphical.target") != on)
		rc = kf_err(err, -EIO, KF_REASON_EXEC,
			    "systemctl %s said nothing, but graphical.target is %s",
			    command, on ? "not the default" : "still the default");
	if (rc == 0)
		show(g);
	return rc;
}

int cmd_gui(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"after-reboot", no_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	struct gui g = {.env = env};
	struct kf_error err = {0};
	int c, rc;

	while ((c = getopt_long(argc, argv, ":b:", options, NULL)) != -1) {
		if (c == 'b')
			g.board = optarg;
		else if (c == 'r')
			g.later = true;
		else
			return cmd_bad_option(env, "gui", argv);
	}
	g.verb = argv[optind];
	if (g.verb && strcmp(g.verb, "on") != 0 && strcmp(g.verb, "off") != 0)
		return cmd_usage(env, "gui", "on or off, not \"%s\"", g.verb);
	if (g.verb && argv[optind + 1])
		return cmd_usage(env, "gui", "%s takes no words", g.verb);
	if (g.later && !g.verb)
		return cmd_usage(env, "gui", "--after-reboot on or off?");
	g.board = cmd_board_arg(env, "gui", g.board);
	if (!g.board)
		return STATUS_USAGE;
	rc = run(&g, &err);
	buf_fini(&g.answer);
	return rc < 0 ? cmd_fail(env, g.board, &err) : STATUS_PASS;
}
