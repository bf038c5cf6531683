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

static int settle_disarm(struct agent *a, const char *slot)
{
	const struct boot_chain *chain = NULL;
	struct kf_error e;
	int rc = trial_chain_of(a, slot, &chain, &e);

	if (rc == 0)
		rc = chain->disarm(a, &e);
	if (rc < 0)
		log_warn("trial slot=%s event=disarm error=\"%s\"", slot, e.msg);
	return rc;
}

/* The chain boots by default what the state does not want, or may do so. */
static void settle_default(struct agent *a, const char *event)
{
	char def[SLOT_ID_SIZE];
	struct kf_error e;

	pthread_mutex_lock(&a->state_lock);
	memcpy(def, a->state.default_slot, sizeof(def));
	pthread_mutex_unlock(&a->state_lock);
	log_warn("trial event=%s default=%s", event, def);
	if (trial_commit(a, def, &e) < 0)
		log_warn("trial event=commit default=%s error=\"%s\"", def, e.msg);
}

void trial_fell_back(struct agent *a)
{
	struct state_trial *t = &a->state.trial;
	struct state_slot *entry = state_find(&a->state, t->slot);

	log_warn("trial slot=%s event=fell-back running=%s", t->slot,
		 a->boot.slot[0] ? a->boot.slot : FOREIGN);
	t->phase = FELL_BACK;
	if (entry && strcmp(entry->id, a->state.known_good) != 0 &&
	    strcmp(entry->id, a->state.default_slot) != 0)
		entry->state = KFERRY__SLOT_STATE__SLOT_BAD;
}

/* Nothing is known of the kernel: its slot may be armed again. */
static void not_tried(struct agent *a)
{
	struct state_trial *t = &a->state.trial;

	log_warn("trial slot=%s event=not-tried", t->slot);
	memset(t, 0, sizeof(*t));
	t->phase = NONE;
	trial_end_others(&a->state);
}

/* 0: kexec lost it in the reset, or no boot stage has taken what would start it; 1: it
 * was taken; negative: that cannot be read. */
static int was_tried(struct agent *a, const char *slot, enum state_kexec kexec,
		     struct kf_error *err)
{
	const struct boot_chain *chain = NULL;
	int rc;

	if (kexec != STATE_KEXEC_NOT)
		return kexec == STATE_KEXEC_STARTED;
	rc = trial_chain_of(a, slot, &chain, err);
	if (rc < 0)
		return rc;
	rc = chain->read_back(a, slot, err);
	return rc == -ENODATA ? 1 : rc;
}

static bool may_be_armed(struct agent *a, const char *slot, int disarmed)
{
	struct kf_error e;
	int tried = was_tried(a, slot, STATE_KEXEC_NOT, &e);

	return tried == 0 || (tried < 0 && disarmed < 0);
}

/* Disarmed first: what is still armed after the state has forgotten it would start with
 * nobody watching it.  So it stays a trial, too, where nothing can be told: the next
 * start asks again. */
static void settle_elsewhere(struct agent *a, const char *slot)
{
	enum state_kexec kexec;
	struct kf_error e;
	int tried, rc;

	pthread_mutex_lock(&a->state_lock);
	kexec = a->state.trial.kexec;
	pthread_mutex_unlock(&a->state_lock);
	tried = was_tried(a, slot, kexec, &e);
	if (tried < 0) {
		log_err("trial slot=%s event=cannot-tell error=\"%s\"", slot, e.msg);
		return;
	}
	rc = settle_disarm(a, slot);
	if (!tried && kexec == STATE_KEXEC_NOT && may_be_armed(a, slot, rc)) {
		log_err("trial slot=%s event=still-armed", slot);
		return;
	}
	pthread_mutex_lock(&a->state_lock);
	if (tried)
		trial_fell_back(a);
	else
		not_tried(a);
	if (state_save(a->state_fd, &a->state, &e) < 0)
		log_err("trial slot=%s error=\"%s\"", slot, e.msg);
	pthread_mutex_unlock(&a->state_lock);
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
	bool half;

	pthread_mutex_lock(&a->state_lock);
	/* An agent died, or failed, between the chains' default and the state's. */
	half = state_default_changes(&a->state);
	u = a->unsettled;
	memset(&a->unsettled, 0, sizeof(a->unsettled));
	pthread_mutex_unlock(&a->state_lock);
	if (u.look)
		settle_arm(a, u.slot);
	if (u.elsewhere)
		settle_elsewhere(a, u.slot);
	if (u.disarm)
		settle_disarm(a, u.slot);
	if (u.commit || half)
		settle_default(a, u.commit ? "again" : "half-default");
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
