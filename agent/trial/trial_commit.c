/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The default over all boot chains of the board.  A board may have had slots on several
 * of them (boot.chain was changed, or a grub.cfg went): the one that is left out would go
 * on starting what it was told last.
 */
#include <string.h>

#include "agent/boot/boot.h"
#include "agent/trial/trial_parts.h"
#include "proto/base/log.h"
#include "proto/reason.h"

#define CHAINS_MAX 16

struct chains {
	const struct boot_chain *v[CHAINS_MAX];
	size_t n;
};

static void add(struct chains *c, const struct boot_chain *chain)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i] == chain)
			return;
	if (c->n < CHAINS_MAX)
		c->v[c->n++] = chain;
}

/* A slot that cannot be read is on no chain that we could ask. */
static void find_chains(struct agent *a, struct chains *c)
{
	struct state_slot slots[STATE_SLOTS];
	unsigned n;

	pthread_mutex_lock(&a->state_lock);
	n = a->state.n_slots;
	memcpy(slots, a->state.slots, sizeof(slots));
	pthread_mutex_unlock(&a->state_lock);
	for (unsigned i = 0; i < n; i++) {
		const struct boot_chain *chain = NULL;
		struct kf_error e;

		if (trial_chain_of(a, slots[i].id, &chain, &e) == 0)
			add(c, chain);
	}
}

/* Whether it can be used or not, a chain that was left behind must not keep others from
 * being confirmed; one that is in use must not keep its default unnoticed. */
static int give_up(struct agent *a, const struct boot_chain *chain, struct kf_error *err)
{
	struct kf_error e;
	char note[256];
	int rc = chain->commit(a, FOREIGN, err);

	if (rc == 0)
		return 0;
	if (chain->probe(a, note, &e) < 0) {
		log_warn("trial chain=%s event=commit error=\"%s\"", chain->name,
			 err->msg);
		*err = (struct kf_error){0};
		return 0;
	}
	return kf_err_wrap(err, "take the default from %s", chain->name);
}

/* Before the chains change, so that a start after a crash finds what is half done: it
 * goes back to what the state has as its default. */
static int begin(struct agent *a, const char *slot, struct kf_error *err)
{
	struct state before;
	int rc = 0;

	pthread_mutex_lock(&a->state_lock);
	before = a->state;
	if (strcmp(slot, a->state.default_slot) != 0) {
		snprintf(a->state.next_default, SLOT_ID_SIZE, "%s", slot);
		rc = state_change(a->state_fd, &a->state, &before, err);
	}
	pthread_mutex_unlock(&a->state_lock);
	return rc;
}

/* Are the chains as the state says? */
static void end(struct agent *a, const char *slot)
{
	struct kf_error e;

	pthread_mutex_lock(&a->state_lock);
	if (strcmp(slot, a->state.default_slot) == 0 &&
	    state_default_changes(&a->state)) {
		a->state.next_default[0] = '\0';
		if (state_save(a->state_fd, &a->state, &e) < 0)
			log_warn("trial event=commit error=\"%s\"", e.msg);
	}
	pthread_mutex_unlock(&a->state_lock);
}

int trial_commit(struct agent *a, const char *slot, struct kf_error *err)
{
	const struct boot_chain *own = NULL;
	struct chains c = {.n = 0};
	int rc = 0;

	find_chains(a, &c);
	if (strcmp(slot, FOREIGN) != 0)
		rc = trial_chain_of(a, slot, &own, err);
	else if (c.n == 0)
		/* Where no chain is usable nothing was ever changed by one. */
		c.n = boot_select(a, NULL, &c.v[0], &(struct kf_error){0}) == 0;
	if (rc == 0)
		rc = begin(a, slot, err);
	if (rc == 0 && own)
		rc = own->commit(a, slot, err);
	for (size_t i = 0; rc == 0 && i < c.n; i++)
		if (c.v[i] != own)
			rc = give_up(a, c.v[i], err);
	if (rc == 0)
		end(a, slot);
	return rc;
}
