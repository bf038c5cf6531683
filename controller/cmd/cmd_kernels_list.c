// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry kernels list: the slots, and what the board has of its own. */
#include <string.h>

#include "controller/cmd/cmd_kernels.h"
#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/text.h"

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

static json_t *age_json(int64_t age_s)
{
	return age_s < 0 ? json_null() : json_integer(age_s);
}

static json_t *slot_json(const Kferry__Slot *s, int64_t age_s)
{
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:I, s:b, s:b, s:b, s:s, s:s, s:b, s:I, s:b, s:o}",
		"id", s->id, "state", state_name(s->state), "release", s->release,
		"build_id", s->build_id, "bytes", (json_int_t)s->bytes, "running",
		(int)s->running, "default", (int)s->is_default, "known_good",
		(int)s->known_good, "commit", s->commit, "branch", s->branch, "dirty",
		(int)s->dirty, "number", (json_int_t)s->number, "modules_shown",
		(int)s->modules_shown, "age_s", age_json(age_s));
}

/* One line of the list; as wide as what is in it. */
struct row {
	char slot[24], state[12], is[48], release[LIMIT_RELEASE + 1], size[16], age[16],
		from[80]; /* the commit, or the package */
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

static void add_slot(struct table *t, const Kferry__Slot *s, int64_t age_s)
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
	kernels_age(age_s, r->age);
	/* Most releases of git trees name the commit. */
	snprintf(shorter, sizeof(shorter), "%.7s", s->commit);
	if (!*shorter || !strstr(s->release, shorter))
		snprintf(r->from, sizeof(r->from), "%.12s%s", s->commit,
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
	snprintf(r->age, sizeof(r->age), "-");
	r->running = is[0];
}

/* All that the board has of its own; the one that runs has its row already. */
static void add_own(struct table *t, const struct kernels_found *f)
{
	const char *running = kernels_own_running(f);

	for (size_t i = 0; i < f->own->n; i++) {
		const struct foreign_one *one = &f->own->one[i];
		bool runs = *running && !strcmp(one->release, running);
		struct row *r = runs ? &t->rows[0] : &t->rows[t->n++];

		snprintf(r->slot, sizeof(r->slot), "foreign");
		snprintf(r->state, sizeof(r->state), "-");
		snprintf(r->release, sizeof(r->release), "%s", one->release);
		text_bytes(one->bytes, r->size);
		kernels_age(one->age_s, r->age);
		snprintf(r->from, sizeof(r->from), "%s", one->package);
	}
}

static int wider(int width, const char *text)
{
	int n = (int)strlen(text);

	return n > width ? n : width;
}

static void show(struct ui *ui, const struct table *t)
{
	struct row head = {.slot = "SLOT",
			   .state = "STATE",
			   .is = "IS",
			   .release = "RELEASE",
			   .size = "SIZE"};
	int state = 5, is = 2, release = 7, age = 0;

	for (size_t i = 0; i < t->n; i++) {
		state = wider(state, t->rows[i].state);
		is = wider(is, t->rows[i].is);
		release = wider(release, t->rows[i].release);
		if (strcmp(t->rows[i].age, "-") != 0)
			snprintf(head.age, sizeof(head.age), "AGE");
		if (*t->rows[i].from)
			snprintf(head.from, sizeof(head.from), "FROM");
	}
	/* Without it where none is known: a line is long enough. */
	if (*head.age)
		age = 4;
	for (size_t i = 0; i <= t->n; i++) {
		const struct row *r = i ? &t->rows[i - 1] : &head;

		ui_out_paint(ui, r->running ? UI_BOLD : UI_PLAIN,
			     "%-10s  %-*s  %-*s  %-*s  %9s%s%*s%s%s\n", r->slot, state,
			     r->state, is, r->is, release, r->release, r->size,
			     age ? "  " : "", age, age ? r->age : "",
			     *r->from ? "  " : "", r->from);
	}
}

/* --- what is there --------------------------------------------------------------------
 */

const char *kernels_age(int64_t age_s, char text[static 16])
{
	static const struct {
		int64_t s;
		const char *name;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "m"}};

	snprintf(text, 16, age_s < 0 ? "-" : "now");
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		int64_t n = age_s / units[i].s;

		if (n < 1)
			continue;
		snprintf(text, 16, "%u%s", n < 99999 ? (unsigned)n % 100000 : 99999,
			 units[i].name);
		break;
	}
	return text;
}

const char *kernels_own_running(const struct kernels_found *f)
{
	return *f->status->running_slot ? "" : f->status->release;
}

void kernels_found_fini(struct kernels_found *f)
{
	if (f->status)
		kferry__status__free_unpacked(f->status, NULL);
	if (f->slots)
		kferry__slots__free_unpacked(f->slots, NULL);
	free(f->own);
	*f = (struct kernels_found){0};
}

/* An answer is the client's until its next call. */
static Kferry__Status *copy_status(const Kferry__Status *s)
{
	size_t n = kferry__status__get_packed_size(s);
	_free_ uint8_t *bytes = malloc(n ? n : 1);

	return bytes ? kferry__status__unpack(NULL, kferry__status__pack(s, bytes), bytes)
		     : NULL;
}

static Kferry__Slots *copy_slots(const Kferry__Slots *s)
{
	size_t n = kferry__slots__get_packed_size(s);
	_free_ uint8_t *bytes = malloc(n ? n : 1);

	return bytes ? kferry__slots__unpack(NULL, kferry__slots__pack(s, bytes), bytes)
		     : NULL;
}

static int find(struct kernels *k, struct kernels_found *f, struct kf_error *err)
{
	Kferry__StatusRequest status = KFERRY__STATUS_REQUEST__INIT;
	Kferry__SlotsRequest slots = KFERRY__SLOTS_REQUEST__INIT;
	Kferry__Envelope ask_status =
		CLIENT_ENVELOPE(STATUS_REQUEST, status_request, &status);
	Kferry__Envelope ask_slots =
		CLIENT_ENVELOPE(SLOTS_REQUEST, slots_request, &slots);
	deadline_ms deadline = cmd_connect_deadline(k->env, k->board);
	const Kferry__Envelope *answer;
	int rc;

	rc = client_call(k->client, &ask_status, KFERRY__ENVELOPE__BODY_STATUS, deadline,
			 &answer, err);
	if (rc < 0)
		return rc;
	f->status = copy_status(answer->status);
	rc = client_call(k->client, &ask_slots, KFERRY__ENVELOPE__BODY_SLOTS, deadline,
			 &answer, err);
	if (rc < 0)
		return rc;
	f->slots = copy_slots(answer->slots);
	f->own = calloc(1, sizeof(*f->own));
	return f->status && f->slots && f->own
		       ? 0
		       : kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

int kernels_find(struct kernels *k, struct kernels_found *ret, struct kf_error *err)
{
	struct kernels_found f = {0};
	int rc = find(k, &f, err);

	if (rc == 0)
		rc = foreign_list(k->client,
				  config_get(k->env->cfg, k->board, "agent.state_dir"),
				  cmd_connect_deadline(k->env, k->board), f.own, err);
	if (rc < 0) {
		kernels_found_fini(&f);
		return rc;
	}
	*ret = f;
	return 0;
}

/* --- the list -------------------------------------------------------------------------
 */

static json_t *own_json(const struct kernels_found *f)
{
	json_t *all = json_array();

	for (size_t i = 0; i < f->own->n; i++) {
		const struct foreign_one *one = &f->own->one[i];

		json_array_append_new(
			all, json_pack("{s:s, s:I, s:o, s:s, s:b}", "release",
				       one->release, "bytes", (json_int_t)one->bytes,
				       "age_s", age_json(one->age_s), "package",
				       one->package, "running",
				       !strcmp(one->release, kernels_own_running(f))));
	}
	return all;
}

static void list(struct kernels *k, const struct kernels_found *f, struct table *t)
{
	json_t *all = json_array();

	add_foreign(t, f->status);
	add_own(t, f);
	for (size_t i = 0; i < f->slots->n_slot; i++) {
		const Kferry__Slot *s = f->slots->slot[i];
		int64_t age = foreign_slot_age(f->own, s->id);

		add_slot(t, s, age);
		json_array_append_new(all, slot_json(s, age));
	}
	show(k->env->ui, t);
	ui_json(k->env->ui, json_pack("{s:s, s:s, s:o, s:o}", "event", "kernels", "board",
				      k->board, "kernels", all, "foreign", own_json(f)));
}

int kernels_list(struct kernels *k, struct kf_error *err)
{
	struct kernels_found f = {0};
	struct table t = {0};
	int rc = kernels_find(k, &f, err);

	if (rc < 0)
		return rc;
	t.rows = calloc(f.slots->n_slot + f.own->n + 1, sizeof(*t.rows));
	if (t.rows)
		list(k, &f, &t);
	else
		rc = kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
	free(t.rows);
	kernels_found_fini(&f);
	return rc;
}
