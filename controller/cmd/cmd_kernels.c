// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry kernels: the slots of a board. */
#include <getopt.h>
#include <string.h>

#include "controller/client.h"
#include "controller/cmd/cmd.h"
#include "controller/fleet/each.h"
#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/text.h"

#define CHANGE_MS 120000 /* removing many files from a slow card takes its time */

struct kernels {
	struct cmd_env *env;
	const char *board;
	struct client *client;
	bool force, kexec_ok;
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
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:I, s:b, s:b, s:b, s:s, s:s, s:b, s:I, s:b}", "id",
		s->id, "state", state_name(s->state), "release", s->release, "build_id",
		s->build_id, "bytes", (json_int_t)s->bytes, "running", (int)s->running,
		"default", (int)s->is_default, "known_good", (int)s->known_good, "commit",
		s->commit, "branch", s->branch, "dirty", (int)s->dirty, "number",
		(json_int_t)s->number, "modules_shown", (int)s->modules_shown);
}

/* One line of the list; as wide as what is in it. */
struct row {
	char slot[24], state[12], is[48], release[LIMIT_RELEASE + 1], size[16],
		commit[16];
	bool running;
};

struct table {
	struct row *rows;
	size_t n;
};

static const char *words(const bool is[static 4], char dst[static 48])
{
	snprintf(dst, 48, "%s%s%s%s", is[0] ? "running " : "", is[1] ? "default " : "",
		 is[2] ? "known-good " : "", is[3] ? "modules" : "");
	if (*dst && dst[strlen(dst) - 1] == ' ')
		dst[strlen(dst) - 1] = '\0';
	return dst;
}

static void add_slot(struct table *t, const Kferry__Slot *s)
{
	struct row *r = &t->rows[t->n++];
	/* Where the running one's own are shown there is nothing to say. */
	const bool is[] = {s->running, s->is_default, s->known_good,
			   s->modules_shown && !s->running};
	char shorter[10];

	snprintf(r->slot, sizeof(r->slot), "%s", s->id);
	snprintf(r->state, sizeof(r->state), "%s", state_name(s->state));
	words(is, r->is);
	snprintf(r->release, sizeof(r->release), "%s", s->release);
	text_bytes(s->bytes, r->size);
	/* Most releases of git trees name the commit. */
	snprintf(shorter, sizeof(shorter), "%.7s", s->commit);
	if (!*shorter || !strstr(s->release, shorter))
		snprintf(r->commit, sizeof(r->commit), "%.12s%s", s->commit,
			 s->dirty ? "+" : "");
	r->running = s->running;
}

/* The kernel that is not ours, where it plays a part. */
static void add_foreign(struct table *t, const Kferry__Status *s)
{
	const bool is[] = {!*s->running_slot, !strcmp(s->default_slot, "foreign"),
			   !strcmp(s->known_good, "foreign"), false};
	struct row *r = &t->rows[t->n];

	if (!is[0] && !is[1] && !is[2])
		return;
	t->n++;
	snprintf(r->slot, sizeof(r->slot), "foreign");
	snprintf(r->state, sizeof(r->state), "-");
	words(is, r->is);
	snprintf(r->release, sizeof(r->release), "%s",
		 is[0] ? s->release : "the board's own");
	r->running = is[0];
}

static int wider(int width, const char *text)
{
	int n = (int)strlen(text);

	return n > width ? n : width;
}

static void show(struct ui *ui, const struct table *t)
{
	struct row head = {"SLOT", "STATE", "IS", "RELEASE", "SIZE", "", false};
	int state = 5, is = 2, release = 7;

	for (size_t i = 0; i < t->n; i++) {
		state = wider(state, t->rows[i].state);
		is = wider(is, t->rows[i].is);
		release = wider(release, t->rows[i].release);
		if (*t->rows[i].commit)
			snprintf(head.commit, sizeof(head.commit), "COMMIT");
	}
	for (size_t i = 0; i <= t->n; i++) {
		const struct row *r = i ? &t->rows[i - 1] : &head;

		ui_out_paint(ui, r->running ? UI_BOLD : UI_PLAIN,
			     "%-10s  %-*s  %-*s  %-*s  %9s%s%s\n", r->slot, state,
			     r->state, is, r->is, release, r->release, r->size,
			     *r->commit ? "  " : "", r->commit);
	}
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
	struct row first = {0};
	struct table t = {.rows = &first};
	_free_ struct row *rows = NULL;
	json_t *all;
	int rc;

	rc = client_call(k->client, &ask_status, KFERRY__ENVELOPE__BODY_STATUS, deadline,
			 &answer, err);
	if (rc < 0)
		return rc;
	add_foreign(&t, answer->status);
	rc = client_call(k->client, &ask_slots, KFERRY__ENVELOPE__BODY_SLOTS, deadline,
			 &answer, err);
	if (rc < 0)
		return rc;
	rows = calloc(answer->slots->n_slot + 1, sizeof(*rows));
	if (!rows)
		return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	rows[0] = first;
	t.rows = rows;
	all = json_array();
	for (size_t i = 0; i < answer->slots->n_slot; i++) {
		add_slot(&t, answer->slots->slot[i]);
		json_array_append_new(all, slot_json(answer->slots->slot[i]));
	}
	show(k->env->ui, &t);
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
		"%s %s", slot, did);
	if (*answer->done->text)
		ui_debug(k->env->ui, "%s: %s", k->board, answer->done->text);
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
	q.kexec_ok = k->kexec_ok;
	return change(k, &request, "is good and the default", slot, err);
}

static int rollback(struct kernels *k, char *slot, struct kf_error *err)
{
	Kferry__RollbackRequest q = KFERRY__ROLLBACK_REQUEST__INIT;
	Kferry__Envelope request =
		CLIENT_ENVELOPE(ROLLBACK_REQUEST, rollback_request, &q);

	if (slot)
		q.slot = slot;
	return change(k, &request, "is the default from the next boot on",
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
		{NULL, 0, NULL, 0},
	};
	struct args a = {.k = {.env = env}};
	_pick_ struct pick boards = {0};
	int c, rc = 0;

	while (rc == 0 && (c = getopt_long(argc, argv, ":b:l:f", options, NULL)) != -1) {
		if (c == 'b')
			rc = pick_add(&boards, optarg);
		else if (c == 'l')
			rc = pick_add_label(&boards, optarg);
		else if (c == 'f')
			a.k.force = true;
		else if (c == 'k')
			a.k.kexec_ok = true;
		else
			return cmd_bad_option(env, "kernels", argv);
	}
	if (rc < 0)
		return STATUS_ERROR;
	a.argc = argc - optind;
	a.argv = argv + optind;
	rc = check(env, a.argc, a.argv);
	if (rc == 0)
		rc = cmd_boards(env, "kernels", &boards);
	return rc ? rc : each_board(env, &boards, false, kernels_one, &a);
}
