/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rolling back: what the user trusts becomes default and known-good, and nothing is
 * armed. */
#include <string.h>

#include "agent/boot/boot.h"
#include "agent/trial/trial_parts.h"
#include "proto/base/log.h"
#include "proto/reason.h"

static int check_rollback(struct state *s, const char *slot, struct kf_error *err)
{
	const struct state_slot *entry = state_find(s, slot);

	if (strcmp(slot, FOREIGN) == 0)
		return 0;
	if (!entry)
		return kf_err(err, -ENOENT, KF_REASON_NO_SLOT,
			      "there is no slot %s on this board", slot);
	if (entry->state != KFERRY__SLOT_STATE__SLOT_GOOD)
		return kf_err(
			err, -EINVAL, KF_REASON_INVALID,
			"slot %s was never confirmed, so it is nothing to go back to",
			slot);
	return 0;
}

static int save_rollback(struct agent *a, const char *slot, struct kf_error *err)
{
	struct state before;
	int rc;

	pthread_mutex_lock(&a->state_lock);
	before = a->state;
	snprintf(a->state.default_slot, SLOT_ID_SIZE, "%s", slot);
	snprintf(a->state.known_good, SLOT_ID_SIZE, "%s", slot);
	trial_end_others(&a->state);
	/* What runs unconfirmed is still ended, whoever forgets to reboot. */
	if (strcmp(slot, a->boot.slot) == 0)
		memset(&a->state.unconfirmed, 0, sizeof(a->state.unconfirmed));
	else
		trial_keep_deadline(a);
	memset(&a->state.trial, 0, sizeof(a->state.trial));
	a->state.trial.phase = NONE;
	rc = state_change(a->state_fd, &a->state, &before, err);
	pthread_mutex_unlock(&a->state_lock);
	return rc;
}

/* Whatever chain it is armed through. */
static int disarm(struct agent *a, const struct state_trial *t, struct kf_error *err)
{
	const struct boot_chain *chain = NULL;
	struct kf_error e;
	int rc = trial_disarm_other(a, t, NULL, err);

	if (rc < 0 || t->phase == ARMED || !t->slot[0] ||
	    trial_chain_of(a, t->slot, &chain, &e) < 0)
		return rc;
	return chain->disarm(a, err);
}

static int rollback(struct agent *a, const char *slot, struct kf_error *err)
{
	struct state s;
	int rc;

	if (!*slot)
		slot = FOREIGN;
	pthread_mutex_lock(&a->state_lock);
	s = a->state;
	pthread_mutex_unlock(&a->state_lock);
	rc = check_rollback(&s, slot, err);
	if (rc == 0 && strcmp(slot, FOREIGN) != 0)
		rc = trial_check_image(a, slot, err);
	if (rc == 0)
		rc = disarm(a, &s.trial, err);
	if (rc == 0)
		rc = trial_commit(a, slot, err);
	if (rc == 0)
		rc = save_rollback(a, slot, err);
	if (rc == 0)
		log_info("trial event=rollback default=%s", slot);
	return rc;
}

int trial_rollback(struct agent *a, const char *slot, struct kf_error *err)
{
	int rc;

	pthread_mutex_lock(&a->chain_lock);
	trial_settle_locked(a);
	rc = rollback(a, slot, err);
	pthread_mutex_unlock(&a->chain_lock);
	return rc;
}
