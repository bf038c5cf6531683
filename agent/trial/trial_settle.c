/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * After a boot the chain is brought to what the state says.  That may run programs and
 * take its time, so it is done beside the loop, or by the first who wants to use the
 * chain. Failures are logged, not returned: the agent has to come up either way.
 */
#include <string.h>

#include "agent/boot/boot.h"
#include "agent/boot/kexec/boot_kexec.h"
#include "agent/trial/trial_parts.h"
#include "proto/base/log.h"

/* The chain through which it was armed in this boot, if it was. */
static int chain_of_arm(const struct agent *a, const char *id,
			const struct boot_chain **ret, struct kf_error *err)
{
	if (!kexec_has_slot(a, id))
		return trial_chain_of(a, id, ret, err);
	*ret = &boot_kexec;
	return 0;
}

static void settle_chain(struct agent *a, const struct trial_unsettled *u)
{
	const struct boot_chain *chain = NULL;
	char def[SLOT_ID_SIZE];
	struct kf_error e;
	int rc;

	rc = trial_chain_of(a, u->slot, &chain, &e);
	if (rc == 0 && u->disarm)
		rc = chain->disarm(a, &e);
	if (rc == 0 && u->commit) {
		pthread_mutex_lock(&a->state_lock);
		memcpy(def, a->state.default_slot, sizeof(def));
		pthread_mutex_unlock(&a->state_lock);
		log_warn("trial slot=%s event=again default=%s", u->slot, def);
		rc = chain->commit(a, def, &e);
	}
	if (rc < 0)
		log_warn("trial slot=%s error=\"%s\"", u->slot, e.msg);
}

static void settle_arm(struct agent *a, const char *slot)
{
	const struct boot_chain *chain = NULL;
	struct state before;
	struct kf_error e;

	if (chain_of_arm(a, slot, &chain, &e) < 0 || chain->read_back(a, slot, &e) == 0)
		return;
	log_warn("trial slot=%s event=not-armed error=\"%s\"", slot, e.msg);
	if (chain->disarm(a, &e) < 0) {
		log_warn("trial slot=%s event=disarm error=\"%s\"", slot, e.msg);
		return;
	}
	pthread_mutex_lock(&a->state_lock);
	before = a->state;
	pthread_mutex_unlock(&a->state_lock);
	trial_unrecord(a, slot, &before, false);
}

void trial_settle_locked(struct agent *a)
{
	struct trial_unsettled u;

	pthread_mutex_lock(&a->state_lock);
	u = a->unsettled;
	memset(&a->unsettled, 0, sizeof(a->unsettled));
	pthread_mutex_unlock(&a->state_lock);
	if (u.look)
		settle_arm(a, u.slot);
	if (u.disarm || u.commit)
		settle_chain(a, &u);
}

/* The chain of the last trial may be counting boots: it learns that this one came up. */
static void tell_up(struct agent *a)
{
	const struct boot_chain *chain = NULL;
	char slot[SLOT_ID_SIZE];
	struct kf_error e;
	bool armed;
	int rc;

	pthread_mutex_lock(&a->state_lock);
	armed = a->state.trial.phase == ARMED;
	memcpy(slot, a->state.trial.slot, sizeof(slot));
	pthread_mutex_unlock(&a->state_lock);
	if (!slot[0] || armed)
		return;
	rc = trial_chain_of(a, slot, &chain, &e);
	if (rc == 0 && chain->up)
		rc = chain->up(a, &e);
	if (rc < 0)
		log_warn("trial slot=%s event=up error=\"%s\"", slot, e.msg);
}

void trial_settle(struct agent *a)
{
	pthread_mutex_lock(&a->chain_lock);
	trial_settle_locked(a);
	tell_up(a);
	pthread_mutex_unlock(&a->chain_lock);
}
