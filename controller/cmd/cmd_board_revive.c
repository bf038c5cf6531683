// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry board revive: a board that was seen to leaves its quarantine. */
#include "controller/client.h"
#include "controller/cmd/cmd_board.h"
#include "controller/fleet/quarantine.h"
#include "proto/reason.h"

static void look(struct cmd_env *env, const char *name, struct quarantine *ret)
{
	struct kf_error err = {0};

	if (quarantine_get(env->cfg, name, ret, &err) < 0)
		ui_warn(env->ui, "%s: %s", name, err.msg);
}

const char *board_quarantine(struct cmd_env *env, const char *name, char text[static 64],
			     json_t **ret_json)
{
	struct quarantine q;
	char since[32];

	look(env, name, &q);
	*text = '\0';
	*ret_json = NULL;
	if (!q.since)
		return text;
	snprintf(text, 64, "  in quarantine since %s", quarantine_since(&q, since));
	*ret_json = json_pack("{s:I, s:i, s:s}", "since", (json_int_t)q.since, "failures",
			      (int)q.failures, "why", q.why);
	return text;
}

/* Does it answer, and is its agent well? */
static int check(struct cmd_env *env, const char *name, char text[static 128],
		 struct kf_error *err)
{
	Kferry__StatusRequest q = KFERRY__STATUS_REQUEST__INIT;
	Kferry__Envelope request = CLIENT_ENVELOPE(STATUS_REQUEST, status_request, &q);
	const Kferry__Envelope *answer;
	struct client *c;
	int r = cmd_connect(env, name, &request, &c, err);

	if (r < 0)
		return r;
	r = client_call(c, &request, KFERRY__ENVELOPE__BODY_STATUS,
			cmd_connect_deadline(env, name), &answer, err);
	if (r == 0)
		snprintf(text, 128, "it runs %.90s", answer->status->release);
	client_close(c);
	return r;
}

int board_revive(struct cmd_env *env, const char *name, const struct board_args *a)
{
	char text[128] = "not looked at";
	struct kf_error err = {0};
	struct quarantine q;
	int r = 0;

	look(env, name, &q);
	if (!a->force)
		r = check(env, name, text, &err);
	if (r < 0 && q.since)
		kf_err_wrap(&err, "it stays in quarantine");
	if (r == 0)
		r = quarantine_clear(env->cfg, name, &err);
	if (r < 0)
		return cmd_fail(env, name, &err);
	ui_step(env->ui, "revive", name, -1,
		json_pack("{s:b, s:i, s:b}", "quarantine", q.since != 0, "failures",
			  (int)q.failures, "checked", !a->force),
		"%s; %s", q.since ? "out of quarantine" : "it was not in quarantine",
		text);
	return STATUS_PASS;
}
