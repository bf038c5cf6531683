// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry kernels: the slots of a board, and its own kernels. */
#include "controller/cmd/cmd_kernels.h"

#include <getopt.h>
#include <string.h>

#include "controller/fleet/each.h"
#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/text.h"

#define CHANGE_MS 120000 /* removing many files from a slow card takes its time */

int kernels_change(struct kernels *k, const Kferry__Envelope *request, const char *did,
		   const char *slot, struct kf_error *err)
{
	const Kferry__Envelope *answer;
	int rc = client_call(k->client, request, KFERRY__ENVELOPE__BODY_DONE,
			     deadline_in(CHANGE_MS), &answer, err);

	if (rc < 0)
		return rc;
	ui_step(k->env->ui, "kernels", k->board, -1, json_pack("{s:s}", "slot", slot),
		"%s %s", slot, did);
	if (*answer->done->text)
		ui_debug(k->env->ui, "%s: %s", k->board, answer->done->text);
	return 0;
}

/* slot NULL: the one that runs. */
static int confirm(struct kernels *k, char *slot, struct kf_error *err)
{
	Kferry__StatusRequest status = KFERRY__STATUS_REQUEST__INIT;
	Kferry__Envelope ask = CLIENT_ENVELOPE(STATUS_REQUEST, status_request, &status);
	Kferry__ConfirmRequest q = KFERRY__CONFIRM_REQUEST__INIT;
	Kferry__Envelope request = CLIENT_ENVELOPE(CONFIRM_REQUEST, confirm_request, &q);
	const Kferry__Envelope *answer;
	char running[80];
	int rc;

	if (!slot) {
		rc = client_call(k->client, &ask, KFERRY__ENVELOPE__BODY_STATUS,
				 cmd_connect_deadline(k->env, k->board), &answer, err);
		if (rc < 0)
			return rc;
		snprintf(running, sizeof(running), "%s", answer->status->running_slot);
		slot = running;
	}
	if (!*slot)
		return kf_err(err, -ENOENT, KF_REASON_NO_SLOT,
			      "the board's own kernel runs; there is nothing to confirm");
	q.slot = slot;
	q.make_default = true;
	q.force = k->force;
	q.kexec_ok = k->kexec_ok;
	return kernels_change(k, &request, "is good and the default", slot, err);
}

static int rollback(struct kernels *k, char *slot, struct kf_error *err)
{
	Kferry__RollbackRequest q = KFERRY__ROLLBACK_REQUEST__INIT;
	Kferry__Envelope request =
		CLIENT_ENVELOPE(ROLLBACK_REQUEST, rollback_request, &q);

	if (slot)
		q.slot = slot;
	return kernels_change(k, &request, "is the default from the next boot on",
			      slot ? slot : "foreign", err);
}

/* The verb with its slots, as check() found them. */
static int dispatch(struct kernels *k, int argc, char *argv[], struct kf_error *err)
{
	const char *verb = argc ? argv[0] : "list";
	char *slot = argc > 1 ? argv[1] : NULL;

	if (!strcmp(verb, "list"))
		return kernels_list(k, err);
	if (!strcmp(verb, "rm"))
		return kernels_rm(k, argv + 1, err);
	return !strcmp(verb, "confirm") ? confirm(k, slot, err) : rollback(k, slot, err);
}

/* Before anything is connected to. */
static int check(const struct cmd_env *env, const struct kernels *k, int argc,
		 char *argv[])
{
	const bool of_rm = k->all || k->regex || k->yes || k->dry_run;
	const struct {
		const char *verb;
		int least, most;
	} verbs[] = {{"list", 0, 0},
		     {"rm", k->all ? 0 : 1, 64},
		     {"confirm", 0, 1},
		     {"rollback", 0, 1}};

	if (of_rm && (!argc || strcmp(argv[0], "rm") != 0))
		return cmd_usage(env, "kernels",
				 "--all, --regex, --yes and --dry-run go with rm");
	for (int i = 1; i < argc && strcmp(argv[0], "rm") != 0; i++)
		if (!text_is_slot(argv[i]))
			return cmd_usage(env, "kernels",
					 "\"%s\" is no slot: those are k- and eight hex "
					 "digits",
					 argv[i]);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!argc || (!strcmp(argv[0], verbs[i].verb) &&
			      argc - 1 >= verbs[i].least && argc - 1 <= verbs[i].most))
			return 0;
	return cmd_usage(env, "kernels",
			 "list, rm NAME..., confirm [SLOT] or rollback [SLOT]");
}

struct args {
	struct kernels k;
	int argc;
	char **argv;
};

static int kernels_one(struct cmd_env *env, const char *board, void *arg)
{
	const struct args *a = arg;
	struct kernels k = a->k;
	struct kf_error err = {0};
	Kferry__StatusRequest q = KFERRY__STATUS_REQUEST__INIT;
	Kferry__Envelope status = CLIENT_ENVELOPE(STATUS_REQUEST, status_request, &q);
	bool lists = a->argc == 0 || !strcmp(a->argv[0], "list");
	int rc;

	k.board = board;
	rc = cmd_connect(env, board, lists ? &status : NULL, &k.client, &err);
	if (rc == 0)
		rc = dispatch(&k, a->argc, a->argv, &err);
	client_close(k.client);
	return rc < 0 ? cmd_fail(env, board, &err) : STATUS_PASS;
}

int cmd_kernels(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"label", required_argument, NULL, 'l'},
		{"force", no_argument, NULL, 'f'},
		{"kexec-ok", no_argument, NULL, 'k'},
		{"all", no_argument, NULL, 'a'},
		{"regex", no_argument, NULL, 'r'},
		{"yes", no_argument, NULL, 'y'},
		{"dry-run", no_argument, NULL, 'n'},
		{NULL, 0, NULL, 0},
	};
	struct args a = {.k = {.env = env}};
	_pick_ struct pick boards = {0};
	int c, rc = 0;

	while (rc == 0 &&
	       (c = getopt_long(argc, argv, ":b:l:fyn", options, NULL)) != -1) {
		if (c == 'b')
			rc = pick_add(&boards, optarg);
		else if (c == 'l')
			rc = pick_add_label(&boards, optarg);
		else if (c == 'f')
			a.k.force = true;
		else if (c == 'k')
			a.k.kexec_ok = true;
		else if (c == 'a')
			a.k.all = true;
		else if (c == 'r')
			a.k.regex = true;
		else if (c == 'y')
			a.k.yes = true;
		else if (c == 'n')
			a.k.dry_run = true;
		else
			return cmd_bad_option(env, "kernels", argv);
	}
	if (rc < 0)
		return STATUS_ERROR;
	a.argc = argc - optind;
	a.argv = argv + optind;
	rc = check(env, &a.k, a.argc, a.argv);
	if (rc == 0)
		rc = cmd_boards(env, "kernels", &boards);
	return rc ? rc : each_board(env, &boards, false, kernels_one, &a);
}
