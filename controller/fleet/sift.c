// SPDX-License-Identifier: GPL-2.0-or-later
/* Boards in quarantine are told apart from those that a call may use. */
#include "controller/fleet/sift.h"

#include <string.h>

#include "controller/fleet/quarantine.h"

static void look(struct cmd_env *env, const char *board, struct quarantine *ret)
{
	struct kf_error err = {0};

	if (quarantine_get(env->cfg, board, ret, &err) < 0)
		ui_warn(env->ui, "%s: %s", board, err.msg);
}

static json_t *fields_of(const struct quarantine *q, bool skipped)
{
	return json_pack("{s:I, s:i, s:s, s:b}", "since", (json_int_t)q->since,
			 "failures", (int)q->failures, "why", q->why, "skipped",
			 (int)skipped);
}

size_t sift_boards(struct cmd_env *env, struct pick *p, const char **skipped)
{
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < p->n; i++) {
		struct quarantine q;
		char since[32];

		look(env, p->names[i], &q);
		if (!q.since || pick_is_named(p, p->names[i])) {
			p->names[kept++] = p->names[i];
			continue;
		}
		skipped[n++] = p->names[i];
		ui_step(env->ui, "quarantine", p->names[i], -1, fields_of(&q, true),
			"skipped: in quarantine since %s (%s)",
			quarantine_since(&q, since), q.why);
	}
	p->n = kept;
	return n;
}

int sift_refuse(struct cmd_env *env, const char *board, struct kf_error *err)
{
	struct quarantine q;

	look(env, board, &q);
	return quarantine_refuse(&q, board, err);
}

void sift_count(struct cmd_env *env, const char *board, const struct sift_end *end)
{
	bool gone = end->board == RUN_BOARD_GONE;
	struct kf_error err = {0};
	struct quarantine q;
	bool put = false;
	int r = 0;

	if (end->judged && !gone)
		r = quarantine_clear(env->cfg, board, &err);
	else if (gone || (end->reason && quarantine_is_fault(end->reason)))
		r = quarantine_failed(env->cfg, board, end->text,
				      end->board != RUN_BOARD_UNTOUCHED, &q, &put, &err);
	if (r < 0)
		ui_warn(env->ui, "%s: %s", board, err.msg);
	if (r == 0 && put)
		ui_step(env->ui, "quarantine", board, -1, fields_of(&q, false),
			"%u failure%s of the board itself in a row: in quarantine until "
			"`kferry board revive %s`",
			q.failures, q.failures == 1 ? "" : "s", board);
}

void sift_count_run(struct cmd_env *env, const char *board, const struct run *run)
{
	const char *verdict = run_text(run, "verdict"), *text = run_text(run, "text");
	struct sift_end end = {.judged = verdict && strcmp(verdict, "ERROR") != 0,
			       .board = run_board(run),
			       .reason = run_text(run, "reason"),
			       .text = text ? text : ""};

	sift_count(env, board, &end);
}
