// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry session: keep the SSH connection to a board open for the commands to come. */
#include <getopt.h>
#include <jansson.h>
#include <string.h>

#include "controller/cmd/cmd.h"
#include "controller/fleet/each.h"
#include "controller/link/carrier.h"
#include "controller/session/session_client.h"
#include "controller/session/session_place.h"
#include "controller/session/session_start.h"
#include "proto/reason.h"
#include "proto/text.h"

/* --- start -----------------------------------------------------------------------------
 */

static int start_one(struct cmd_env *env, const char *board, void *arg)
{
	const char *flags[4] = {NULL};
	size_t n = 0;
	bool is_new = false;
	struct kf_error err = {0};
	int64_t began = clock_now_ms();
	int rc, status = STATUS_ERROR;
	struct session_start s = {
		.cfg = env->cfg,
		.board = board,
		.flags = flags,
		/* The other process has the same limit and tells more. */
		.deadline = deadline_in(
			2 * config_ms(env->cfg, board, "timeout.connect") + 5000),
	};

	(void)arg;
	if (ui_is_json(env->ui))
		flags[n++] = "--json";
	if (ui_verbose(env->ui))
		flags[n++] = "-v";
	rc = session_start(&s, &is_new, &status, &err);
	if (rc == -ECHILD)
		return status ? status : STATUS_ERROR;
	if (rc < 0)
		return cmd_fail(env, board, &err);
	ui_step(env->ui, "session", board, is_new ? clock_now_ms() - began : -1,
		json_pack("{s:b}", "started", (int)is_new),
		is_new ? "the connection stays open" : "it has one already");
	return STATUS_PASS;
}

static int serve(struct cmd_env *env, const char *board)
{
	struct kf_error err = {0};

	if (!config_has_board(env->cfg, board))
		return cmd_usage(env, "session", "there is no board \"%s\"", board);
	return session_run(env->cfg, board, &err) < 0 ? cmd_fail(env, board, &err)
						      : STATUS_PASS;
}

/* --- what there is ---------------------------------------------------------------------
 */

/* A session as its process tells it; name is its socket's. */
struct told {
	json_t *j; /* NULL: it does not answer */
	pid_t pid;
	const char *name;
};

static const char *text_of(const struct told *t, const char *key, const char *other)
{
	const char *s = json_string_value(json_object_get(t->j, key));

	return s ? s : other;
}

static json_int_t number_of(const struct told *t, const char *key)
{
	return json_integer_value(json_object_get(t->j, key));
}

static void show(struct cmd_env *env, const struct told *t)
{
	const char *board = text_of(t, "board", "?");
	const char *state = text_of(t, "state", "no answer");
	const char *target = text_of(t, "target", "-"), *error = text_of(t, "error", "");
	json_int_t idle = number_of(t, "idle_ms");
	char up_text[16], idle_text[16];

	text_duration(number_of(t, "up_ms"), up_text);
	text_duration(idle, idle_text);
	ui_out(env->ui, "%-16s %-9s %-28s up %-7s %s%-7s %2lld channels  pid %ld%s%s\n",
	       board, state, target, up_text, idle ? "idle " : "in use",
	       idle ? idle_text : "", (long long)number_of(t, "channels"), (long)t->pid,
	       *error ? "  " : "", error);
	ui_json(env->ui,
		json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s}", "event",
			  "session", "board", board, "state", state, "target", target,
			  "pid", (json_int_t)t->pid, "up_ms", number_of(t, "up_ms"),
			  "idle_ms", idle, "idle_limit_ms", number_of(t, "idle_limit_ms"),
			  "channels", number_of(t, "channels"), "error", error));
}

struct walk {
	struct cmd_env *env;
	const struct pick *pick;
	bool all; /* not only those of the boards picked */
	int (*fn)(struct walk *w, int dir, const struct told *t);
	unsigned found;
	int status;
};

/* Of one of the boards?  Also one that does not answer, or was started under another name
 * of the same target. */
static bool is_wanted(const struct walk *w, const struct told *t)
{
	const char *board = text_of(t, "board", "");

	for (size_t i = 0; i < w->pick->n && !w->all; i++) {
		char own[SESSION_NAME_SIZE];
		struct digest target;

		if (!strcmp(w->pick->names[i], board))
			return true;
		if (carrier_target(w->env->cfg, w->pick->names[i], &target, NULL) < 0)
			continue;
		session_place_name(&target, own);
		if (!strcmp(own, t->name))
			return true;
	}
	return w->all;
}

static int look(void *arg, int dir, const char *name)
{
	_buf_ struct buf text = BUF_INIT;
	struct told t = {.name = name};
	struct walk *w = arg;
	int rc = session_look(dir, name, &text, &t.pid);

	/* What is left of one that was killed is no session. */
	if (rc == -ENOENT || rc == -ECONNREFUSED)
		return 0;
	if (rc == 0)
		t.j = json_loadb((const char *)buf_data(&text), buf_len(&text), 0, NULL);
	if (is_wanted(w, &t)) {
		w->found++;
		rc = w->fn(w, dir, &t);
	}
	json_decref(t.j);
	return rc == -ECANCELED ? rc : 0;
}

static int walk(struct walk *w)
{
	struct kf_error err = {0};

	if (session_each(look, w, &err) < 0) {
		if (!err.code)
			kf_err(&err, -ECANCELED, KF_REASON_CANCELLED, "cancelled");
		return cmd_fail(w->env, NULL, &err);
	}
	return w->status;
}

static int show_one(struct walk *w, int dir, const struct told *t)
{
	(void)dir;
	show(w->env, t);
	return 0;
}

static int list(struct cmd_env *env, const struct pick *pick, bool all)
{
	struct walk w = {.env = env, .pick = pick, .all = all, .fn = show_one};
	int rc = walk(&w);

	if (rc == STATUS_PASS && !w.found)
		ui_note(env->ui, "there is no session%s", all ? "" : " of it");
	return rc;
}

static int stop_one(struct walk *w, int dir, const struct told *t)
{
	const char *board = text_of(t, "board", NULL);
	struct kf_error err = {0};
	int rc = session_stop(dir, t->name);

	if (rc < 0 && rc != -ENOENT) {
		kf_err(&err, rc, KF_REASON_IO, "stop its session (pid %ld): %m",
		       (long)t->pid);
		w->status = cmd_fail(w->env, board, &err);
		return rc;
	}
	ui_step(w->env->ui, "session", board, -1, json_pack("{s:b}", "started", 0),
		"the connection is closed");
	return 0;
}

static int stop(struct cmd_env *env, const struct pick *pick, bool all)
{
	struct walk w = {.env = env, .pick = pick, .all = all, .fn = stop_one};
	int rc = walk(&w);

	if (rc == STATUS_PASS && !w.found)
		ui_note(env->ui, "there is no session%s to stop", all ? "" : " of it");
	return rc;
}

/* --- the command -----------------------------------------------------------------------
 */

static int parse(struct cmd_env *env, int argc, char *argv[], struct pick *pick,
		 bool *ret_all)
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"label", required_argument, NULL, 'l'},
		{"all", no_argument, NULL, 'a'},
		{NULL, 0, NULL, 0},
	};
	int c, rc = 0;

	while (rc == 0 && (c = getopt_long(argc, argv, ":b:l:", options, NULL)) != -1) {
		if (c == 'b')
			rc = pick_add(pick, optarg);
		else if (c == 'l')
			rc = pick_add_label(pick, optarg);
		else if (c == 'a')
			*ret_all = true;
		else
			return cmd_bad_option(env, "session", argv);
	}
	for (int i = optind + 1; rc == 0 && i < argc; i++)
		rc = pick_add(pick, argv[i]);
	return rc < 0 ? STATUS_ERROR : 0;
}

int cmd_session(struct cmd_env *env, int argc, char *argv[])
{
	_pick_ struct pick pick = {0};
	bool all = false, named;
	const char *verb;
	int rc = parse(env, argc, argv, &pick, &all);

	if (rc)
		return rc;
	verb = optind < argc ? argv[optind] : "list";
	named = pick.n_lists || pick.n_labels || env->board;
	if (!strcmp(verb, "serve") && optind + 2 == argc)
		return serve(env, argv[optind + 1]);
	if (all && strcmp(verb, "stop"))
		return cmd_usage(env, "session", "--all is for stop");
	if (all && named)
		return cmd_usage(env, "session", "boards, or --all");
	if (!strcmp(verb, "list") && !named)
		return list(env, &pick, true);
	if (!all && (rc = cmd_boards(env, "session", &pick)))
		return rc;
	if (!strcmp(verb, "start"))
		return each_board(env, &pick, true, start_one, NULL);
	if (!strcmp(verb, "list") || !strcmp(verb, "status"))
		return list(env, &pick, false);
	if (!strcmp(verb, "stop"))
		return stop(env, &pick, all);
	return cmd_usage(env, "session", "start, list, status or stop");
}
