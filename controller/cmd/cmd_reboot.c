// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry reboot: reboot a board and see that it comes back. */
#include <getopt.h>
#include <string.h>

#include "controller/client.h"
#include "controller/cmd/cmd.h"
#include "controller/deploy/timeline.h"
#include "controller/fleet/each.h"
#include "proto/reason.h"
#include "proto/text.h"

struct args {
	const char *board;
	bool force, no_wait;
};

/* Ask for it; *ret is the boot that ends. */
static int ask(struct cmd_env *env, const struct args *a, struct wait_boot *ret,
	       struct kf_error *err)
{
	Kferry__RebootRequest q = KFERRY__REBOOT_REQUEST__INIT;
	Kferry__Envelope request = CLIENT_ENVELOPE(REBOOT_REQUEST, reboot_request, &q);
	const Kferry__Envelope *answer;
	deadline_ms deadline;
	struct client *c;
	int rc;

	rc = cmd_connect(env, a->board, NULL, &c, err);
	if (rc < 0)
		return rc;
	q.mode = a->force ? KFERRY__REBOOT_MODE__REBOOT_FORCE
			  : KFERRY__REBOOT_MODE__REBOOT_NORMAL;
	wait_boot_init(ret, c);
	deadline = cmd_connect_deadline(env, a->board);
	rc = client_call(c, &request, KFERRY__ENVELOPE__BODY_DONE, deadline, &answer,
			 err);
	/* The reboot may be faster than the answer; whether it was is seen next. */
	if (rc < 0 && err->reason == KF_REASON_CONNECTION)
		rc = 0;
	client_close(c);
	return rc;
}

static void say_back(struct cmd_env *env, const char *board, const struct wait_boot *boot,
		     const Kferry__Status *s)
{
	char took[16], parts[TIMELINE_TEXT];
	struct timeline times;

	timeline_find(boot, s, clock_now_ms(), &times);
	timeline_text(&times, parts);
	text_duration(boot->back - boot->asked, took);
	ui_step(env->ui, "reboot", board, -1,
		json_pack("{s:s, s:s, s:s, s:I, s:o*}", "boot_id", s->boot_id, "release",
			  s->release, "slot", s->running_slot, "took_ms",
			  (json_int_t)(boot->back - boot->asked), "timeline",
			  timeline_json(&times)),
		"back after %s%s, running %s (%s)", took, parts, s->release,
		*s->running_slot ? s->running_slot : "the board's own kernel");
}

static int wait_back(struct cmd_env *env, const char *board, struct wait_boot *boot,
		     struct kf_error *err)
{
	Kferry__StatusRequest q = KFERRY__STATUS_REQUEST__INIT;
	Kferry__Envelope request = CLIENT_ENVELOPE(STATUS_REQUEST, status_request, &q);
	const Kferry__Envelope *answer;
	struct client *c;
	int rc;

	rc = wait_for_boot(env->cfg, env->ui, board, boot,
			   deadline_in(config_ms(env->cfg, board, "timeout.reboot")), &c,
			   err);
	if (rc < 0)
		return rc;
	rc = client_call(c, &request, KFERRY__ENVELOPE__BODY_STATUS,
			 cmd_connect_deadline(env, board), &answer, err);
	if (rc == 0)
		say_back(env, board, boot, answer->status);
	client_close(c);
	return rc;
}

static int reboot_one(struct cmd_env *env, const char *board, void *arg)
{
	struct args a = *(const struct args *)arg;
	struct wait_boot boot = {0};
	struct kf_error err = {0};
	int rc;

	a.board = board;
	rc = ask(env, &a, &boot, &err);
	if (rc == 0 && a.no_wait)
		ui_step(env->ui, "reboot", board, -1, NULL, "begun");
	else if (rc == 0)
		rc = wait_back(env, board, &boot, &err);
	return rc < 0 ? cmd_fail(env, board, &err) : STATUS_PASS;
}

int cmd_reboot(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"label", required_argument, NULL, 'l'},
		{"force", no_argument, NULL, 'f'},
		{"no-wait", no_argument, NULL, 'n'},
		{NULL, 0, NULL, 0},
	};
	_pick_ struct pick pick = {0};
	struct args a = {0};
	int c, rc = 0;

	while (rc == 0 && (c = getopt_long(argc, argv, ":b:l:f", options, NULL)) != -1) {
		if (c == 'b')
			rc = pick_add(&pick, optarg);
		else if (c == 'l')
			rc = pick_add_label(&pick, optarg);
		else if (c == 'f')
			a.force = true;
		else if (c == 'n')
			a.no_wait = true;
		else
			return cmd_bad_option(env, "reboot", argv);
	}
	for (int i = optind; rc == 0 && i < argc; i++)
		rc = pick_add(&pick, argv[i]);
	if (rc < 0)
		return STATUS_ERROR;
	rc = cmd_boards(env, "reboot", &pick);
	return rc ? rc : each_board(env, &pick, true, reboot_one, &a);
}
