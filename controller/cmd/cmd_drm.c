// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry drm: the displays of a board, as its kernel sees them. */
#include <getopt.h>
#include <string.h>

#include "controller/cmd/cmd.h"
#include "controller/desktop/drmlist.h"
#include "proto/reason.h"

const char cmd_drm_details[] =
	"  drm connectors        each with its status, and the preferred mode\n"
	"  drm modes [NAME...]   the modes of connected ones, or of these\n"
	"\n"
	"  -b, --board BOARD  the board\n"
	"\nA NAME is HDMI-A-1 or card1-HDMI-A-1. Modes are those that the display tells, "
	"the "
	"preferred\none first.\n";

struct drm {
	struct cmd_env *env;
	const char *board, *verb;
	char **names;
	struct drmlist list;
};

static const char *or_dash(const char *s)
{
	return s && *s ? s : "-";
}

static bool is_asked(const struct drm *d, const struct drmlist_connector *c)
{
	for (size_t i = 0; d->names[i]; i++)
		if (!strcmp(d->names[i], c->id) || !strcmp(d->names[i], c->name))
			return true;
	return !d->names[0];
}

static json_t *connector_json(const struct drmlist_connector *c)
{
	json_t *modes = json_array();

	for (size_t i = 0; i < c->n_modes; i++)
		json_array_append_new(modes, json_string(c->modes[i]));
	return json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:o}", "id", c->id, "name",
			 c->name, "status", c->status, "enabled", c->enabled, "dpms",
			 c->dpms, "driver", c->driver, "modes", modes);
}

static void show_connectors(const struct drm *d)
{
	struct ui *ui = d->env->ui;
	int width = 9;

	for (size_t i = 0; i < d->list.n; i++)
		if ((int)strlen(d->list.v[i].id) > width)
			width = (int)strlen(d->list.v[i].id);
	ui_out(ui, "%-*s  %-12s  %-8s  %-7s  %-11s  %5s  %s\n", width, "CONNECTOR",
	       "STATUS", "ENABLED", "DPMS", "PREFERRED", "MODES", "DRIVER");
	for (size_t i = 0; i < d->list.n; i++) {
		const struct drmlist_connector *c = &d->list.v[i];

		ui_out(ui, "%-*s  %-12s  %-8s  %-7s  %-11s  %5zu  %s\n", width, c->id,
		       or_dash(c->status), or_dash(c->enabled), or_dash(c->dpms),
		       c->n_modes ? c->modes[0] : "-", c->n_modes, or_dash(c->driver));
	}
}

/* A mode that there is at several rates has as many lines there. */
static bool is_again(const struct drmlist_connector *c, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (!strcmp(c->modes[i], c->modes[at]))
			return true;
	return false;
}

static void show_modes(const struct drm *d)
{
	for (size_t i = 0; i < d->list.n; i++) {
		const struct drmlist_connector *c = &d->list.v[i];

		if (!is_asked(d, c) || (!d->names[0] && !c->n_modes))
			continue;
		ui_out_paint(d->env->ui, UI_BOLD, "%s  %s\n", c->id, or_dash(c->status));
		for (size_t m = 0; m < c->n_modes; m++)
			if (!is_again(c, m))
				ui_out(d->env->ui, "  %s\n", c->modes[m]);
	}
}

static void tell(const struct drm *d)
{
	json_t *all = json_array();

	for (size_t i = 0; i < d->list.n; i++)
		if (is_asked(d, &d->list.v[i]))
			json_array_append_new(all, connector_json(&d->list.v[i]));
	ui_json(d->env->ui, json_pack("{s:s, s:s, s:o}", "event", "connectors", "board",
				      d->board, "connectors", all));
}

static int check_names(const struct drm *d, struct kf_error *err)
{
	for (size_t i = 0; d->names[i]; i++) {
		char *one[] = {d->names[i], NULL};
		struct drm only = *d;
		bool found = false;

		only.names = one;
		for (size_t j = 0; j < d->list.n; j++)
			found = found || is_asked(&only, &d->list.v[j]);
		if (!found)
			return kf_err(err, -ENOENT, KF_REASON_NOT_FOUND,
				      "there is no connector %s; `kferry drm "
				      "connectors -b %s` shows them",
				      d->names[i], d->board);
	}
	return 0;
}

static int run(struct drm *d, struct kf_error *err)
{
	int rc = drmlist_ask(d->env->cfg, d->board, &d->list, err);

	if (rc == 0)
		rc = check_names(d, err);
	if (rc < 0)
		return rc;
	if (strcmp(d->verb, "connectors") == 0)
		show_connectors(d);
	else
		show_modes(d);
	if (!d->list.n)
		ui_note(d->env->ui, "%s: its displays have no connectors", d->board);
	tell(d);
	return 0;
}

int cmd_drm(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{NULL, 0, NULL, 0},
	};
	struct drm d = {.env = env};
	struct kf_error err = {0};
	int c, rc;

	while ((c = getopt_long(argc, argv, ":b:", options, NULL)) != -1) {
		if (c != 'b')
			return cmd_bad_option(env, "drm", argv);
		d.board = optarg;
	}
	d.verb = argv[optind];
	if (!d.verb ||
	    (strcmp(d.verb, "connectors") != 0 && strcmp(d.verb, "modes") != 0))
		return cmd_usage(env, "drm", "connectors or modes, not \"%s\"",
				 d.verb ? d.verb : "");
	d.names = argv + optind + 1;
	if (d.names[0] && strcmp(d.verb, "connectors") == 0)
		return cmd_usage(env, "drm", "connectors shows all of them");
	d.board = cmd_board_arg(env, "drm", d.board);
	if (!d.board)
		return STATUS_USAGE;
	rc = run(&d, &err);
	drmlist_fini(&d.list);
	return rc < 0 ? cmd_fail(env, d.board, &err) : STATUS_PASS;
}
