/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A trial that ends without a judgement on whether the board boots its slot. */
#include <string.h>

#include "agent/trial/trial.h"
#include "proto/base/log.h"
#include "proto/reason.h"

/* The slot is not good, but it is not bad either. */
static int save_end(struct agent *a, const char *slot, struct kf_error *err)
{
	struct state_unconfirmed *u = &a->state.unconfirmed;
	struct state_trial *t = &a->state.trial;
	struct state_slot *entry;
	struct state before;
	bool runs, older;
	int rc = 0;

	pthread_mutex_lock(&a->state_lock);
	before = a->state;
	runs = t->phase == KFERRY__TRIAL__TRIAL_RUNNING && strcmp(t->slot, slot) == 0;
	older = strcmp(u->slot, slot) == 0;
	if (older)
		memset(u, 0, sizeof(*u));
	if (runs) {
		entry = state_find(&a->state, slot);
		if (entry && entry->state == KFERRY__SLOT_STATE__SLOT_TRIAL)
			entry->state = KFERRY__SLOT_STATE__SLOT_STAGED;
		memset(t, 0, sizeof(*t));
		t->phase = KFERRY__TRIAL__TRIAL_NONE;
	}
	if (runs || older)
		rc = state_change(a->state_fd, &a->state, &before, err);
	pthread_mutex_unlock(&a->state_lock);
	return rc;
}

int trial_end(struct agent *a, const char *slot, struct kf_error *err)
{
	int rc;

	if (strcmp(slot, a->boot.slot) != 0)
		return kf_err(err, -EINVAL, KF_REASON_NOT_RUNNING,
			      "slot %s is not running (%s is), so its trial is not over",
			      slot, a->boot.slot[0] ? a->boot.slot : "a foreign kernel");
	pthread_mutex_lock(&a->chain_lock);
	rc = save_end(a, slot, err);
	pthread_mutex_unlock(&a->chain_lock);
	if (rc == 0)
		log_info("trial slot=%s event=ended kexec=%d", slot, a->boot.kexec);
	return rc;
}
