// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry kernels: the slots of a board. */
#include <getopt.h>
#include <string.h>

#include "controller/client.h"
#include "controller/cmd/cmd.h"
#include "proto/reason.h"
#include "proto/text.h"

#define CHANGE_MS 120000 /* removing many files from a slow card takes its time */

struct kernels {
	struct cmd_env *env;
	const char *board;
	struct client *client;
	bool force;
};

static const char *state_name(Kferry__SlotState state)
{
	switch (state) {
	case KFERRY__SLOT_STATE__SLOT_STAGED:
		return "staged";
	case KFERRY__SLOT_STATE__SLOT_TRIAL:
		return "trial";
	case KFERRY__SLOT_STATE__SLOT_GOOD:
		return "good";
	case KFERRY__SLOT_STATE__SLOT_BAD:
		return "bad";
	case KFERRY__SLOT_STATE__SLOT_GONE:
		return "gone";
	default:
		return "unknown";
	}
}

static json_t *slot_json(const Kferry__Slot *s)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:b, s:b, s:s, s:s, s:b, s:I}",
			 "id", s->id, "state", state_name(s->state), "release",
			 s->release, "build_id", s->build_id, "bytes",
			 (json_int_t)s->bytes, "running", (int)s->running, "default",
			 (int)s->is_default, "known_good", (int)s->known_good, "commit",
			 s->commit, "branch", s->branch, "dirty", (int)s->dirty, "number",
			 (json_int_t)s->number);
}

static void show_slot(struct ui *ui, const Kferry__Slot *s)
{
	char size[16], origin[24];

	snprintf(origin, sizeof(origin), "%.12s%s", s->commit, s->dirty ? "+" : "");
	ui_out_paint(ui, s->running ? UI_BOLD : UI_PLAIN,
		     "%-10s  %-7s  %-32s  %9s  %-13s%s%s%s\n", s->id,
		     state_name(s->state), s->release, text_bytes(s->bytes, size), origin,
		     s->running ? "  running" : "", s->is_default ? "  default" : "",
		     s->known_good ? "  known-good" : "");
}

/* The kernel that is not ours, where it plays a part. */
static void show_foreign(struct ui *ui, const Kferry__Status *s)
{
	bool running = !*s->running_slot, standard = !strcmp(s->default_slot, "foreign"),
	     good = !strcmp(s->known_good, "foreign");

	if (running || standard || good)
		ui_out_paint(ui, running ? UI_BOLD : UI_PLAIN,
			     "%-10s  %-7s  %-32s  %9s  %-13s%s%s%s\n", "foreign", "",
			     running ? s->release : "the board's own", "", "",
			     running ? "  running" : "", standard ? "  default" : "",
			     good ? "  known-good" : "");
}

static int list(struct kernels *k, struct kf_error *err)
{
	Kferry__StatusRequest status = KFERRY__STATUS_REQUEST__INIT;
	Kferry__SlotsRequest slots = KFERRY__SLOTS_REQUEST__INIT;
	Kferry__Envelope ask_status =
		CLIENT_ENVELOPE(STATUS_REQUEST, status_request, &status);
	Kferry__Envelope ask_slots =
		CLIENT_ENVELOPE(SLOTS_REQUEST, slots_request, &slots);
	deadline_ms deadline = cmd_connect_deadline(k->env, k->board);
	const Kferry__Envelope *answer;
	json_t *all;
	int rc;

	rc = client_call(k->client, &ask_status, KFERRY__ENVELOPE__BODY_STATUS, deadline,
			 &answer, err);
	if (rc < 0)
		return rc;
	show_foreign(k->env->ui, answer->status);
	rc = client_call(k->client, &ask_slots, KFERRY__ENVELOPE__BODY_SLOTS, deadline,
			 &answer, err);
	if (rc < 0)
		return rc;
	all = json_array();
	for (size_t i = 0; i < answer->slots->n_slot; i++) {
		show_slot(k->env->ui, answer->slots->slot[i]);
		json_array_append_new(all, slot_json(answer->slots->slot[i]));
	}
	ui_json(k->env->ui, json_pack("{s:s, s:s, s:o}", "event", "kernels", "board",
				      k->board, "kernels", all));
	return 0;
}

static int change(struct kernels *k, const Kferry__Envelope *request, const char *did,
		  const char *slot, struct kf_error *err)
{
	const Kferry__Envelope *answer;
	int rc = client_call(k->client, request, KFERRY__ENVELOPE__BODY_DONE,
			     deadline_in(CHANGE_MS), &answer, err);

	if (rc < 0)
		return rc;
	ui_step(k->env->ui, "kernels", k->board, -1, json_pack("{s:s}", "slot", slot),
		"%s %s%s%s", slot, did, *answer->done->text ? ": " : "",
		answer->done->text);
	return 0;
}

static int remove_slots(struct kernels *k, char *slots[], struct kf_error *err)
{
	for (size_t i = 0; slots[i]; i++) {
		Kferry__RemoveRequest q = KFERRY__REMOVE_REQUEST__INIT;
		Kferry__Envelope request =
			CLIENT_ENVELOPE(REMOVE_REQUEST, remove_request, &q);
		int rc;

		q.slot = slots[i];
		rc = change(k, &request, "removed", slots[i], err);
		if (rc < 0)
			return rc;
	}
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
	return change(k, &request, "is good and the default", slot, err);
}

static int rollback(struct kernels *k, char *slot, struct kf_error *err)
{
	Kferry__RollbackRequest q = KFERRY__ROLLBACK_REQUEST__INIT;
	Kferry__Envelope request =
		CLIENT_ENVELOPE(ROLLBACK_REQUEST, rollback_request, &q);

	if (slot)
		q.slot = slot;
	return change(k, &request, "is the default; reboot to run it",
		      slot ? slot : "foreign", err);
}

/* The verb with its slots, as check() found them. */
static int dispatch(struct kernels *k, int argc, char *argv[], struct kf_error *err)
{
	const char *verb = argc ? argv[0] : "list";
	char *slot = argc > 1 ? argv[1] : NULL;

	if (!strcmp(verb, "list"))
		return list(k, err);
	if (!strcmp(verb, "rm"))
		return remove_slots(k, argv + 1, err);
	return !strcmp(verb, "confirm") ? confirm(k, slot, err) : rollback(k, slot, err);
}

/* Before anything is connected to. */
static int check(const struct cmd_env *env, int argc, char *argv[])
{
	static const struct {
		const char *verb;
		int least, most;
	} verbs[] = {
		{"list", 0, 0}, {"rm", 1, 64}, {"confirm", 0, 1}, {"rollback", 0, 1}};

	for (int i = 1; i < argc; i++)
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
			 "list, rm SLOT..., confirm [SLOT] or rollback [SLOT]");
}

int cmd_kernels(struct cmd_env *env, int argc, char *argv[])
{
	static const struct option options[] = {
		{"board", required_argument, NULL, 'b'},
		{"force", no_argument, NULL, 'f'},
		{NULL, 0, NULL, 0},
	};
	struct kernels k = {.env = env};
	struct kf_error err = {0};
	int c, rc;

	while ((c = getopt_long(argc, argv, ":b:f", options, NULL)) != -1) {
		if (c == 'b')
			k.board = optarg;
		else if (c == 'f')
			k.force = true;
		else
			return cmd_bad_option(env, "kernels", argv);
	}
	argc -= optind;
	argv += optind;
	rc = check(env, argc, argv);
	if (rc)
		return rc;
	k.board = cmd_board_arg(env, "kernels", k.board);
	if (!k.board)
		return STATUS_USAGE;
	rc = client_open(env->cfg, k.board, cmd_connect_deadline(env, k.board), &k.client,
			 &err);
	if (rc == 0)
		rc = dispatch(&k, argc, argv, &err);
	client_close(k.client);
	return rc < 0 ? cmd_fail(env, k.board, &err) : STATUS_PASS;
}
