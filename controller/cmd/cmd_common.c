// SPDX-License-Identifier: GPL-2.0-or-later
/* What all commands do alike. */
#include <getopt.h>
#include <stdarg.h>
#include <string.h>

#include "controller/client.h"
#include "controller/cmd/cmd.h"
#include "controller/fleet/pick.h"
#include "controller/near.h"
#include "proto/reason.h"

const struct cmd *cmd_find(const char *name)
{
	for (const struct cmd *c = cmds; c->name; c++)
		if (!strcmp(c->name, name) || (c->alias && !strcmp(c->alias, name)))
			return c;
	return NULL;
}

/* What has more wrong letters than right ones is no slip. */
static const char *meant(const char *name)
{
	unsigned least = (unsigned)(strnlen(name, 64) / 2) + 1;
	const char *near = NULL;

	for (const struct cmd *c = cmds; c->name; c++) {
		unsigned d = near_distance(name, c->name);

		if (d < least) {
			near = c->name;
			least = d;
		}
	}
	return near;
}

int cmd_unknown(const struct cmd_env *env, const char *name)
{
	const char *near = meant(name);

	return cmd_usage(env, NULL, "there is no command %s%s%s", name,
			 near ? "; the nearest is " : "", near ? near : "");
}

int cmd_usage(const struct cmd_env *env, const char *name, const char *fmt, ...)
{
	struct kf_error text = {0}, err = {0};
	va_list ap;

	va_start(ap, fmt);
	kf_verr(&text, -EINVAL, KF_REASON_USAGE, fmt, ap);
	va_end(ap);
	kf_err(&err, -EINVAL, KF_REASON_USAGE, "%s%s%s; see `kferry help%s%s`",
	       name ? name : "", name ? ": " : "", text.msg, name ? " " : "",
	       name ? name : "");
	ui_error(env->ui, NULL, &err);
	return STATUS_USAGE;
}

int cmd_bad_option(const struct cmd_env *env, const char *name, char *const argv[])
{
	/* optopt is the letter, or the value of a long option that lacks its argument;
	 * for unknown long options it is 0. */
	if (optopt > ' ' && optopt < 127 && strncmp(argv[optind - 1], "--", 2))
		return cmd_usage(env, name, "-%c is no option, or lacks its argument",
				 optopt);
	return cmd_usage(env, name, "%s is no option, or lacks its argument",
			 argv[optind - 1]);
}

int cmd_status(int reason)
{
	switch (reason) {
	case KF_REASON_BUSY:
		return STATUS_NO_BOARD;
	case KF_REASON_USAGE:
		return STATUS_USAGE;
	case KF_REASON_BUILD:
	case KF_REASON_FELL_BACK:
	case KF_REASON_WRONG_KERNEL:
	case KF_REASON_UNHEALTHY:
	case KF_REASON_MODULE:
	case KF_REASON_TESTS:
		return STATUS_FAIL;
	default:
		return STATUS_ERROR;
	}
}

int cmd_fail(const struct cmd_env *env, const char *board, const struct kf_error *err)
{
	ui_error(env->ui, board, err);
	return cmd_status(err->reason);
}

bool cmd_strict(const struct cmd_env *env)
{
	struct kf_error err = {0};

	if (config_override(env->cfg, "kernel.require_strict", "yes", &err) == 0)
		return true;
	ui_error(env->ui, NULL, &err);
	return false;
}

deadline_ms cmd_connect_deadline(const struct cmd_env *env, const char *board)
{
	return deadline_in(config_ms(env->cfg, board, "timeout.connect"));
}

int cmd_connect(const struct cmd_env *env, const char *board,
		const struct Kferry__Envelope *first, struct client **ret,
		struct kf_error *err)
{
	int rc = client_open_asking(env->cfg, board, cmd_connect_deadline(env, board),
				    first, ret, err);

	if (rc == 0)
		client_say(*ret, env->ui, board);
	return rc;
}

const char *cmd_board_arg(const struct cmd_env *env, const char *name, const char *arg)
{
	const char *board = arg ? arg : env->board, *near;

	if (!board)
		board = config_default_board(env->cfg);
	if (board && config_has_board(env->cfg, board))
		return board;
	near = board ? pick_nearest(env->cfg, board) : NULL;
	if (near)
		cmd_usage(env, name, "there is no board \"%s\"; the nearest is %s", board,
			  near);
	else if (!config_board(env->cfg, 0))
		cmd_usage(env, name,
			  "no board is known yet; add one with `kferry board add`");
	else
		cmd_usage(env, name,
			  "which board? name one, or choose one with `kferry board "
			  "default`");
	return NULL;
}

int cmd_boards(const struct cmd_env *env, const char *name, struct pick *p)
{
	const char *board = env->board ? env->board : config_default_board(env->cfg);
	struct kf_error err = {0};
	int r = 0;

	if (p->n_lists == 0 && (p->n_labels == 0 || env->board) && board)
		r = pick_add(p, board);
	if (r == 0)
		r = pick_boards(p, env->cfg, &err);
	return r < 0 ? cmd_usage(env, name, "%s", err.msg) : 0;
}
