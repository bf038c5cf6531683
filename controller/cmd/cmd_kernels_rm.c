// SPDX-License-Identifier: GPL-2.0-or-later
/* kferry kernels rm: what is named, and nothing else. */
#include <string.h>

#include "controller/cmd/cmd_kernels.h"
#include "controller/kernels/choice.h"
#include "controller/strf.h"
#include "proto/reason.h"
#include "proto/text.h"

struct removal {
	struct kernels *k;
	struct kernels_found found;
	struct choice choice;
	bool by_pattern;
};

static int no_memory(struct kf_error *err)
{
	return kf_err(err, -ENOMEM, KF_REASON_NO_MEMORY, "no memory");
}

/* --- what may go ----------------------------------------------------------------------
 */

static const char *slot_stays(const Kferry__Slot *s)
{
	return s->running	  ? "it runs"
	       : s->is_default	  ? "it is the default"
	       : s->known_good	  ? "it is known-good"
	       : s->modules_shown ? "its modules are shown to the kernel that runs"
				  : NULL;
}

/* A board has to have a kernel of its own to fall back to. */
static const char *own_stays(const struct kernels_found *f, const struct foreign_one *one)
{
	if (!strcmp(one->release, f->status->release))
		return "it runs";
	return f->own->n < 2 ? "it is the only kernel that the board has of its own"
			     : NULL;
}

static int gather(struct removal *r, struct kf_error *err)
{
	const struct kernels_found *f = &r->found;
	struct choice *c = &r->choice;

	c->v = calloc(f->slots->n_slot + f->own->n + 1, sizeof(*c->v));
	if (!c->v)
		return no_memory(err);
	c->regex = r->k->regex;
	c->foreign = r->k->force;
	for (size_t i = 0; i < f->slots->n_slot; i++) {
		const Kferry__Slot *s = f->slots->slot[i];

		c->v[c->n++] = (struct choice_one){
			.slot = s->id, .release = s->release, .stays = slot_stays(s)};
	}
	for (size_t i = 0; i < f->own->n; i++)
		c->v[c->n++] =
			(struct choice_one){.release = f->own->one[i].release,
					    .stays = own_stays(f, &f->own->one[i])};
	return 0;
}

static int choose(struct removal *r, char *const names[], struct kf_error *err)
{
	int rc = 0;

	if (r->k->all)
		choice_take_all(&r->choice);
	r->by_pattern = r->k->all;
	for (size_t i = 0; rc == 0 && names[i]; i++) {
		r->by_pattern |= choice_is_pattern(&r->choice, names[i]);
		rc = choice_take(&r->choice, names[i], err);
	}
	return rc;
}

/* Each of two may go, but not both. */
static int check_last(const struct removal *r, struct kf_error *err)
{
	size_t goes = 0;

	for (size_t i = 0; i < r->choice.n; i++)
		goes += r->choice.v[i].chosen && !r->choice.v[i].slot;
	if (goes == 0 || goes < r->found.own->n)
		return 0;
	return kf_err(
		err, -EBUSY, KF_REASON_INVALID,
		"these are all kernels that the board has of its own: one has to stay, "
		"to fall back to");
}

/* --- what will go ---------------------------------------------------------------------
 */

static size_t preview(struct removal *r)
{
	struct ui *ui = r->k->env->ui;
	size_t n = 0;

	for (size_t i = 0; i < r->choice.n; i++) {
		const struct choice_one *one = &r->choice.v[i];

		if (!one->chosen)
			continue;
		n++;
		if (r->k->dry_run) {
			ui_out(ui, "%-10s  %s\n", one->slot ? one->slot : "foreign",
			       one->release);
			ui_json(ui, json_pack("{s:s, s:s, s:s, s:s}", "event", "removal",
					      "board", r->k->board, "slot",
					      one->slot ? one->slot : "", "release",
					      one->release));
		} else if (r->by_pattern) {
			ui_note(ui, "  %-10s  %s", one->slot ? one->slot : "foreign",
				one->release);
		}
	}
	if (r->choice.passed_stays)
		ui_note(ui,
			"%zu stay: what runs, the default, what is known-good, the only "
			"kernel of the board's own",
			r->choice.passed_stays);
	if (r->choice.passed_own)
		ui_note(ui,
			"%zu of the board's own stay: without --force they are left "
			"alone",
			r->choice.passed_own);
	return n;
}

static int ask(struct removal *r, size_t n, struct kf_error *err)
{
	_free_ char *question = strf("Remove these %zu kernels from %s?", n, r->k->board);
	bool yes = false;
	int rc = question ? ui_confirm(r->k->env->ui, question, &yes) : -ENOMEM;

	if (rc == -ENOTTY)
		return kf_err(err, rc, KF_REASON_USAGE,
			      "a pattern is asked about, for which there is no terminal; "
			      "--yes removes what it fits, --dry-run only shows it");
	if (rc < 0)
		return kf_err(err, rc, KF_REASON_IO, "ask: %m");
	return yes ? 0
		   : kf_err(err, -ECANCELED, KF_REASON_CANCELLED, "nothing was removed");
}

/* --- removing -------------------------------------------------------------------------
 */

static int remove_slot(struct kernels *k, const char *slot, struct kf_error *err)
{
	Kferry__RemoveRequest q = KFERRY__REMOVE_REQUEST__INIT;
	Kferry__Envelope request = CLIENT_ENVELOPE(REMOVE_REQUEST, remove_request, &q);

	q.slot = (char *)slot;
	return kernels_change(k, &request, "removed", slot, err);
}

static int remove_own(struct removal *r, const char *release, struct kf_error *err)
{
	bool shared = false;
	int rc;

	for (size_t i = 0; i < r->found.slots->n_slot; i++)
		shared |= !strcmp(r->found.slots->slot[i]->release, release);
	rc = foreign_remove(r->k->client, release, shared, err);
	if (rc == 0)
		ui_step(r->k->env->ui, "kernels", r->k->board, -1,
			json_pack("{s:s, s:s}", "slot", "", "release", release),
			"%s, none of kferry's, removed", release);
	return rc;
}

static int remove_chosen(struct removal *r, struct kf_error *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < r->choice.n; i++) {
		const struct choice_one *one = &r->choice.v[i];

		if (!one->chosen)
			continue;
		rc = one->slot ? remove_slot(r->k, one->slot, err)
			       : remove_own(r, one->release, err);
	}
	return rc;
}

static int run(struct removal *r, char *const names[], struct kf_error *err)
{
	size_t n;
	int rc = kernels_find(r->k, &r->found, err);

	if (rc == 0)
		rc = gather(r, err);
	if (rc == 0)
		rc = choose(r, names, err);
	if (rc == 0)
		rc = check_last(r, err);
	if (rc < 0)
		return rc;
	n = preview(r);
	if (n == 0)
		ui_note(r->k->env->ui, "there is nothing to remove from %s", r->k->board);
	if (n == 0 || r->k->dry_run)
		return 0;
	if (r->by_pattern && !r->k->yes)
		rc = ask(r, n, err);
	return rc < 0 ? rc : remove_chosen(r, err);
}

/* Slots by their ids are the agent's affair alone. */
static bool all_slots(const struct kernels *k, char *const names[])
{
	if (k->all || k->regex || k->dry_run)
		return false;
	while (*names && text_is_slot(*names))
		names++;
	return !*names;
}

int kernels_rm(struct kernels *k, char *const names[], struct kf_error *err)
{
	struct removal r = {.k = k};
	int rc = 0;

	if (!all_slots(k, names)) {
		rc = run(&r, names, err);
		free(r.choice.v);
		kernels_found_fini(&r.found);
		return rc;
	}
	for (size_t i = 0; rc == 0 && names[i]; i++)
		rc = remove_slot(k, names[i], err);
	return rc;
}
