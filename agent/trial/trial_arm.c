/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arming: the state says what shall boot, then the chain is told and read back; what
 * fails is taken back in both.
 */
#include <string.h>

#include "agent/boot/boot.h"
#include "agent/boot/kexec/boot_kexec.h"
#include "agent/deploy/cmdline.h"
#include "agent/slot/slot.h"
#include "agent/trial/trial_parts.h"
#include "proto/base/log.h"
#include "proto/reason.h"

int trial_chain_of(const struct agent *a, const char *id, const struct boot_chain **ret,
		   struct kf_error *err)
{
	_slot_ struct slot s = {.fd = -1};
	int rc = slot_open(a, id, &s, err);

	if (rc < 0)
		return rc;
	*ret = s.conf.chain ? boot_find(s.conf.chain) : NULL;
	if (*ret)
		return 0;
	return kf_err(err, -ENOTSUP, KF_REASON_BOOT_CHAIN,
		      "slot %s was installed for no boot chain; deploy it again", id);
}

void trial_end_others(struct state *s)
{
	for (unsigned i = 0; i < s->n_slots; i++)
		if (s->slots[i].state == KFERRY__SLOT_STATE__SLOT_TRIAL)
			s->slots[i].state = KFERRY__SLOT_STATE__SLOT_STAGED;
}

void trial_keep_deadline(struct agent *a)
{
	struct state_unconfirmed tmp;
	const struct state_unconfirmed *runs = trial_running(a, &tmp);

	memset(&a->state.unconfirmed, 0, sizeof(a->state.unconfirmed));
	if (runs)
		a->state.unconfirmed = *runs;
}

static int record_arm(struct agent *a, const char *slot, bool kexec, unsigned timeout_s,
		      struct state *ret_before, struct kf_error *err)
{
	struct state_trial *t = &a->state.trial;
	struct state_slot *entry;
	int rc;

	pthread_mutex_lock(&a->state_lock);
	*ret_before = a->state;
	entry = state_find(&a->state, slot);
	if (!entry || entry->state == KFERRY__SLOT_STATE__SLOT_GONE) {
		rc = kf_err(err, -ENOENT, KF_REASON_NO_SLOT,
			    "there is no slot %s on this board", slot);
	} else {
		trial_keep_deadline(a);
		trial_end_others(&a->state);
		if (entry->state != KFERRY__SLOT_STATE__SLOT_GOOD)
			entry->state = KFERRY__SLOT_STATE__SLOT_TRIAL;
		memset(t, 0, sizeof(*t));
		t->phase = ARMED;
		t->kexec = kexec ? STATE_KEXEC_LOADED : STATE_KEXEC_NOT;
		memcpy(t->slot, entry->id, SLOT_ID_SIZE);
		t->confirm_timeout_s = timeout_s ? timeout_s : a->conf.confirm_timeout_s;
		memcpy(t->armed_boot_id, a->boot.boot_id, sizeof(t->armed_boot_id));
		rc = state_change(a->state_fd, &a->state, ret_before, err);
	}
	pthread_mutex_unlock(&a->state_lock);
	return rc;
}

static void restore_slot(struct agent *a, const struct state *before, const char *slot)
{
	const struct state_slot *was = state_find((struct state *)before, slot);
	struct state_slot *entry = state_find(&a->state, slot);

	if (entry && was)
		entry->state = was->state;
}

/* The chain could not be armed: nothing is, now, unless an earlier arm still stands. */
void trial_unrecord(struct agent *a, const char *slot, const struct state *before,
		    bool still_armed)
{
	struct kf_error e;

	pthread_mutex_lock(&a->state_lock);
	a->state.trial = before->trial;
	a->state.unconfirmed = before->unconfirmed;
	if (a->state.trial.phase == ARMED && !still_armed)
		a->state.trial.phase = NONE;
	restore_slot(a, before, slot);
	if (still_armed)
		restore_slot(a, before, before->trial.slot);
	else if (a->state.trial.phase != RUNNING)
		trial_end_others(&a->state);
	if (state_save(a->state_fd, &a->state, &e) < 0)
		log_warn("trial slot=%s event=undo error=\"%s\"", slot, e.msg);
	pthread_mutex_unlock(&a->state_lock);
}

int trial_disarm_other(struct agent *a, const struct state_trial *t,
		       const struct boot_chain *now, struct kf_error *err)
{
	const struct boot_chain *chain = NULL;
	struct kf_error e;
	int rc = 0;

	if (now != &boot_kexec)
		rc = boot_kexec.disarm(a, err);
	if (rc < 0 || t->phase != ARMED || trial_chain_of(a, t->slot, &chain, &e) < 0 ||
	    chain == now)
		return rc;
	rc = chain->disarm(a, err);
	if (rc < 0)
		kf_err_wrap(err, "disarm slot %s, which is armed through %s", t->slot,
			    chain->name);
	return rc;
}

int trial_check_image(struct agent *a, const char *slot, struct kf_error *err)
{
	_slot_ struct slot s = {.fd = -1}, running = {.fd = -1};
	_free_ char *word = NULL;
	int rc = slot_open(a, slot, &s, err);

	if (rc < 0)
		return rc;
	if (!s.conf.base || s.conf.base_given)
		return 0;
	/* What runs was told its root by a user: nothing follows from it. */
	if (a->boot.slot[0] && slot_open(a, a->boot.slot, &running, NULL) == 0 &&
	    running.conf.base_given)
		return 0;
	if (cmdline_same_image(a, a->boot.cmdline, s.conf.base, &word))
		return 0;
	return kf_err(err, -ESTALE, KF_REASON_BOOT_CHAIN,
		      "slot %s was installed under another system image (%s); deploy it "
		      "again, which sends no files",
		      slot, word && *word ? word : "with another root");
}

/* Armed as far as it came, and now it must not be.  Where that cannot be taken back the
 * slot may start, or the one that was armed before: it must be watched then. */
static int give_up(struct agent *a, const char *slot, const struct boot_chain *chain,
		   const struct state *before, struct kf_error *err)
{
	const struct state_trial *t = &before->trial;
	struct kf_error e;
	int rc = chain->disarm(a, &e);

	if (rc == 0) {
		trial_unrecord(a, slot, before, false);
		return kf_err_wrap(err, "arm slot %s through %s", slot, chain->name);
	}
	log_warn("trial slot=%s event=disarm error=\"%s\"", slot, e.msg);
	if (t->phase == ARMED && chain->read_back(a, t->slot, &e) == 0)
		trial_unrecord(a, slot, before, true);
	return kf_err_wrap(err,
			   "arm slot %s through %s, which cannot be disarmed: a slot "
			   "may still start once",
			   slot, chain->name);
}

/* through NULL: the slot's own chain. */
static int arm(struct agent *a, const char *slot, const struct boot_chain *through,
	       unsigned confirm_timeout_s, char text[256], struct kf_error *err)
{
	const struct boot_chain *chain = NULL;
	struct state before;
	int rc;

	rc = trial_chain_of(a, slot, &chain, err);
	if (through)
		chain = through;
	if (rc == 0)
		rc = trial_check_image(a, slot, err);
	if (rc == 0)
		rc = record_arm(a, slot, chain == &boot_kexec, confirm_timeout_s, &before,
				err);
	if (rc < 0)
		return rc;
	rc = trial_disarm_other(a, &before.trial, chain, err);
	if (rc < 0) {
		trial_unrecord(a, slot, &before, true);
		return rc;
	}
	rc = chain->arm(a, slot, err);
	if (rc == 0)
		rc = chain->read_back(a, slot, err);
	if (rc < 0)
		return give_up(a, slot, chain, &before, err);
	log_info("trial slot=%s chain=%s event=armed", slot, chain->name);
	snprintf(text, 256, "boots once through %s", chain->name);
	return 0;
}

static int arm_locked(struct agent *a, const char *slot, const struct boot_chain *through,
		      unsigned confirm_timeout_s, char text[256], struct kf_error *err)
{
	int rc;

	pthread_mutex_lock(&a->chain_lock);
	trial_settle_locked(a);
	rc = arm(a, slot, through, confirm_timeout_s, text, err);
	pthread_mutex_unlock(&a->chain_lock);
	return rc;
}

int trial_arm(struct agent *a, const char *slot, unsigned confirm_timeout_s,
	      char text[256], struct kf_error *err)
{
	return arm_locked(a, slot, NULL, confirm_timeout_s, text, err);
}

int trial_arm_kexec(struct agent *a, const char *slot, unsigned confirm_timeout_s,
		    char text[256], struct kf_error *err)
{
	return arm_locked(a, slot, &boot_kexec, confirm_timeout_s, text, err);
}

int trial_kexec_starts(struct agent *a, struct kf_error *err)
{
	struct state before;
	int rc = 0;

	pthread_mutex_lock(&a->state_lock);
	before = a->state;
	if (a->state.trial.phase == ARMED && a->state.trial.kexec) {
		a->state.trial.kexec = STATE_KEXEC_STARTED;
		rc = state_change(a->state_fd, &a->state, &before, err);
	}
	pthread_mutex_unlock(&a->state_lock);
	return rc;
}
