/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rolling back: what the user trusts becomes default and known-good, and nothing is
 * armed. */
#include <string.h>

#include "agent/boot/boot.h"
#include "agent/trial/trial_parts.h"
#include "proto/base/log.h"
#include "proto/reason.h"

/* Which chain makes `slot` the default: a slot's own; for the foreign kernel that of the
 * slot it replaces, or of the trial, else the board's. */
static int chain_for_rollback(struct agent *a, const char *slot, const struct state *s,
			      const struct boot_chain **ret, struct kf_error *err)
{
	if (strcmp(slot, FOREIGN) != 0)
		return trial_chain_of(a, slot, ret, err);
	if (strcmp(s->default_slot, FOREIGN) != 0)
		return trial_chain_of(a, s->default_slot, ret, err);
	if (s->trial.phase == ARMED || s->trial.phase == RUNNING)
		return trial_chain_of(a, s->trial.slot, ret, err);
	return boot_select(a, NULL, ret, err);
}

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
	memset(&a->state.trial, 0, sizeof(a->state.trial));
	memset(&a->state.unconfirmed, 0, sizeof(a->state.unconfirmed));
	a->state.trial.phase = NONE;
	rc = state_change(a->state_fd, &a->state, &before, err);
	pthread_mutex_unlock(&a->state_lock);
	return rc;
}

static int rollback(struct agent *a, const char *slot, struct kf_error *err)
{
	const struct boot_chain *chain = NULL;
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
	if (rc < 0)
		return rc;
	rc = chain_for_rollback(a, slot, &s, &chain, err);
	/* Where no chain is usable nothing was ever changed by one. */
	if (rc < 0 && (s.trial.phase == ARMED || strcmp(slot, s.default_slot) != 0))
		return rc;
	if (chain) {
		rc = trial_disarm_other(a, &s.trial, chain, err);
		if (rc == 0)
			rc = chain->disarm(a, err);
		if (rc == 0)
			rc = chain->commit(a, slot, err);
	} else {
		rc = boot_kexec.disarm(a, err);
	}
	if (rc < 0)
		return rc;
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
