/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arming, judging, confirming and rolling back.  Each is one change of the state, saved
 * under the lock; what the boot chain does in between runs without the lock, because it
 * may take its time.
 */
#include "agent/trial/trial.h"

#include <fcntl.h>
#include <string.h>

#include "agent/boot/boot.h"
#include "agent/boot/kexec/boot_kexec.h"
#include "agent/deploy/cmdline.h"
#include "agent/slot/slot.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/reason.h"
#include "proto/text.h"

#define ARMED	  KFERRY__TRIAL__TRIAL_ARMED
#define RUNNING	  KFERRY__TRIAL__TRIAL_RUNNING
#define NONE	  KFERRY__TRIAL__TRIAL_NONE
#define FELL_BACK KFERRY__TRIAL__TRIAL_FELL_BACK
#define CONFIRMED KFERRY__TRIAL__TRIAL_CONFIRMED

/* The chain that a slot was staged for. */
static int chain_of_slot(const struct agent *a, const char *id,
			 const struct boot_chain **ret, struct kf_error *err)
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

/* The chain through which it was armed in this boot, if it was. */
static int chain_of_arm(const struct agent *a, const char *id,
			const struct boot_chain **ret, struct kf_error *err)
{
	if (!kexec_has_slot(a, id))
		return chain_of_slot(a, id, ret, err);
	*ret = &boot_kexec;
	return 0;
}

/* Save under the lock, or take the change back. */
static int save_or_undo(struct agent *a, const struct state *before, struct kf_error *err)
{
	return state_change(a->state_fd, &a->state, before, err);
}

/* Slots whose trial is no longer the one under way are as good as staged. */
static void end_trials(struct state *s)
{
	for (unsigned i = 0; i < s->n_slots; i++)
		if (s->slots[i].state == KFERRY__SLOT_STATE__SLOT_TRIAL)
			s->slots[i].state = KFERRY__SLOT_STATE__SLOT_STAGED;
}

/* Does the trial of this boot still run, however many slots were armed since? */
static const struct state_unconfirmed *running_trial(const struct agent *a,
						     struct state_unconfirmed *tmp)
{
	const struct state_trial *t = &a->state.trial;

	if (t->phase == RUNNING && strcmp(t->boot_id, a->boot.boot_id) == 0) {
		tmp->confirm_timeout_s = t->confirm_timeout_s;
		memcpy(tmp->slot, t->slot, sizeof(tmp->slot));
		memcpy(tmp->boot_id, t->boot_id, sizeof(tmp->boot_id));
		return tmp;
	}
	*tmp = a->state.unconfirmed;
	return tmp->slot[0] && strcmp(tmp->boot_id, a->boot.boot_id) == 0 ? tmp : NULL;
}

/* An arm replaces the record of the trial that runs; its deadline must not go with it. */
static void keep_deadline(struct agent *a)
{
	struct state_unconfirmed tmp;
	const struct state_unconfirmed *runs = running_trial(a, &tmp);

	memset(&a->state.unconfirmed, 0, sizeof(a->state.unconfirmed));
	if (runs)
		a->state.unconfirmed = *runs;
}

static int record_arm(struct agent *a, const char *slot, unsigned timeout_s,
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
		keep_deadline(a);
		end_trials(&a->state);
		if (entry->state != KFERRY__SLOT_STATE__SLOT_GOOD)
			entry->state = KFERRY__SLOT_STATE__SLOT_TRIAL;
		memset(t, 0, sizeof(*t));
		t->phase = ARMED;
		memcpy(t->slot, entry->id, SLOT_ID_SIZE);
		t->confirm_timeout_s = timeout_s ? timeout_s : a->conf.confirm_timeout_s;
		memcpy(t->armed_boot_id, a->boot.boot_id, sizeof(t->armed_boot_id));
		rc = save_or_undo(a, ret_before, err);
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
static void unrecord_arm(struct agent *a, const char *slot, const struct state *before,
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
		end_trials(&a->state);
	if (state_save(a->state_fd, &a->state, &e) < 0)
		log_warn("trial slot=%s event=undo error=\"%s\"", slot, e.msg);
	pthread_mutex_unlock(&a->state_lock);
}

/* An arm through another chain would still be there after ours. */
static int disarm_other(struct agent *a, const struct state_trial *t,
			const struct boot_chain *now, struct kf_error *err)
{
	const struct boot_chain *chain = NULL;
	struct kf_error e;
	int rc = 0;

	if (now != &boot_kexec)
		rc = boot_kexec.disarm(a, err);
	if (rc < 0 || t->phase != ARMED || chain_of_slot(a, t->slot, &chain, &e) < 0 ||
	    chain == now)
		return rc;
	rc = chain->disarm(a, err);
	if (rc < 0)
		kf_err_wrap(err, "disarm slot %s, which is armed through %s", t->slot,
			    chain->name);
	return rc;
}

/* A slot that was installed under one system image must not start it again after an
 * update has switched to the other. */
static int check_image(struct agent *a, const char *slot, struct kf_error *err)
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

/* through NULL: the slot's own chain. */
static int arm(struct agent *a, const char *slot, const struct boot_chain *through,
	       unsigned confirm_timeout_s, char text[256], struct kf_error *err)
{
	const struct boot_chain *chain = NULL;
	struct state before;
	struct kf_error e;
	int rc;

	rc = chain_of_slot(a, slot, &chain, err);
	if (through)
		chain = through;
	if (rc == 0)
		rc = check_image(a, slot, err);
	if (rc == 0)
		rc = record_arm(a, slot, confirm_timeout_s, &before, err);
	if (rc < 0)
		return rc;
	rc = disarm_other(a, &before.trial, chain, err);
	if (rc < 0) {
		unrecord_arm(a, slot, &before, true);
		return rc;
	}
	rc = chain->arm(a, slot, err);
	if (rc == 0)
		rc = chain->read_back(a, slot, err);
	if (rc < 0) {
		kf_err_wrap(err, "arm slot %s through %s", slot, chain->name);
		if (chain->disarm(a, &e) < 0)
			log_warn("trial slot=%s event=disarm error=\"%s\"", slot, e.msg);
		unrecord_arm(a, slot, &before, false);
		return rc;
	}
	log_info("trial slot=%s chain=%s event=armed", slot, chain->name);
	snprintf(text, 256, "boots once through %s", chain->name);
	return 0;
}

static int arm_locked(struct agent *a, const char *slot, const struct boot_chain *through,
		      unsigned confirm_timeout_s, char text[256], struct kf_error *err)
{
	int rc;

	pthread_mutex_lock(&a->chain_lock);
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

static void fell_back(struct agent *a)
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

static void now_running(struct agent *a)
{
	struct state_trial *t = &a->state.trial;

	log_info("trial slot=%s event=running timeout=%u", t->slot, t->confirm_timeout_s);
	t->phase = RUNNING;
	memcpy(t->boot_id, a->boot.boot_id, sizeof(t->boot_id));
}

/* It ended with the boot it ran in. */
static bool drop_unconfirmed(struct agent *a)
{
	struct state_unconfirmed *u = &a->state.unconfirmed;

	if (!u->slot[0] || strcmp(u->boot_id, a->boot.boot_id) == 0)
		return false;
	memset(u, 0, sizeof(*u));
	return true;
}

enum verdict {
	AS_IT_WAS,
	RUNS,
	RUNS_AGAIN, /* without being confirmed, so the chain boots it by default, which
		       the state does not want */
	FELL,
};

/* What this boot makes of the trial. */
static enum verdict weigh(const struct agent *a)
{
	const struct state_trial *t = &a->state.trial;
	bool in_it = strcmp(a->boot.slot, t->slot) == 0;

	if (t->phase == ARMED) {
		if (strcmp(a->boot.boot_id, t->armed_boot_id) == 0)
			return AS_IT_WAS;
		return in_it ? RUNS : FELL;
	}
	if (t->phase != RUNNING)
		return AS_IT_WAS;
	if (in_it && strcmp(a->boot.boot_id, t->boot_id) == 0)
		return AS_IT_WAS;
	/* There is nothing to fall back to from the default itself. */
	return in_it && strcmp(a->state.default_slot, t->slot) != 0 ? RUNS_AGAIN : FELL;
}

bool trial_is_on(const struct agent *a)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&a->state_lock;
	enum verdict v;
	unsigned timeout;

	pthread_mutex_lock(lock);
	v = weigh(a);
	pthread_mutex_unlock(lock);
	return v == RUNS || v == RUNS_AGAIN || trial_timeout(a, &timeout);
}

static bool judge(struct agent *a, bool *ret_again)
{
	enum verdict v = weigh(a);

	*ret_again = v == RUNS_AGAIN;
	if (v == FELL)
		fell_back(a);
	else if (v != AS_IT_WAS)
		now_running(a);
	return v != AS_IT_WAS;
}

/* After a boot: the chain is brought to what the state says.  A failure is logged, not
 * returned: the agent has to come up either way. */
static void settle_chain(struct agent *a, const char *slot, bool fell, bool again)
{
	const struct boot_chain *chain = NULL;
	char def[SLOT_ID_SIZE];
	struct kf_error e;
	int rc;

	rc = chain_of_slot(a, slot, &chain, &e);
	if (rc == 0 && fell)
		rc = chain->disarm(a, &e);
	if (rc == 0 && again) {
		pthread_mutex_lock(&a->state_lock);
		memcpy(def, a->state.default_slot, sizeof(def));
		pthread_mutex_unlock(&a->state_lock);
		log_warn("trial slot=%s event=again default=%s", slot, def);
		rc = chain->commit(a, def, &e);
	}
	if (rc < 0)
		log_warn("trial slot=%s error=\"%s\"", slot, e.msg);
}

/* An agent that died while it was arming has said so in the state, but the chain may not
 * know of it. */
static void settle_arm(struct agent *a)
{
	const struct boot_chain *chain = NULL;
	struct state_trial t = a->state.trial;
	struct state before;
	struct kf_error e;

	if (t.phase != ARMED || strcmp(a->boot.boot_id, t.armed_boot_id) != 0 ||
	    chain_of_arm(a, t.slot, &chain, &e) < 0 ||
	    chain->read_back(a, t.slot, &e) == 0)
		return;
	log_warn("trial slot=%s event=not-armed error=\"%s\"", t.slot, e.msg);
	if (chain->disarm(a, &e) < 0) {
		log_warn("trial slot=%s event=disarm error=\"%s\"", t.slot, e.msg);
		return;
	}
	before = a->state;
	unrecord_arm(a, t.slot, &before, false);
}

int trial_boot(struct agent *a, struct kf_error *err)
{
	char slot[SLOT_ID_SIZE];
	bool again = false, changed, fell;
	int rc = 0;

	settle_arm(a);
	pthread_mutex_lock(&a->state_lock);
	changed = judge(a, &again);
	fell = changed && a->state.trial.phase == FELL_BACK;
	changed = drop_unconfirmed(a) || changed;
	/* What runs, runs: where that cannot be written its deadline must count all the
	 * same, and the next boot comes to its own judgement. */
	if (changed)
		rc = state_save(a->state_fd, &a->state, err);
	memcpy(slot, a->state.trial.slot, sizeof(slot));
	pthread_mutex_unlock(&a->state_lock);
	if (rc == 0 && (fell || again))
		settle_chain(a, slot, fell, again);
	return rc;
}

/* The chain of the last trial, which may be counting boots. */
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
	rc = chain_of_slot(a, slot, &chain, &e);
	if (rc == 0 && chain->up)
		rc = chain->up(a, &e);
	if (rc < 0)
		log_warn("trial slot=%s event=up error=\"%s\"", slot, e.msg);
}

void trial_tell_up(struct agent *a)
{
	pthread_mutex_lock(&a->chain_lock);
	tell_up(a);
	pthread_mutex_unlock(&a->chain_lock);
}

static void confirm_trial(struct agent *a, const char *slot)
{
	struct state_unconfirmed *u = &a->state.unconfirmed;

	if (strcmp(u->slot, slot) == 0)
		memset(u, 0, sizeof(*u));
	if (strcmp(a->state.trial.slot, slot) == 0)
		a->state.trial.phase = CONFIRMED;
}

static int save_confirm(struct agent *a, const char *slot, bool make_default,
			struct kf_error *err)
{
	struct state_slot *entry;
	struct state before;
	int rc;

	pthread_mutex_lock(&a->state_lock);
	before = a->state;
	entry = state_find(&a->state, slot);
	if (!entry || entry->state == KFERRY__SLOT_STATE__SLOT_GONE) {
		rc = kf_err(err, -ENOENT, KF_REASON_NO_SLOT,
			    "there is no slot %s on this board", slot);
	} else {
		entry->state = KFERRY__SLOT_STATE__SLOT_GOOD;
		if (make_default) {
			memcpy(a->state.default_slot, entry->id, SLOT_ID_SIZE);
			memcpy(a->state.known_good, entry->id, SLOT_ID_SIZE);
		} else if (strcmp(slot, a->state.default_slot) == 0) {
			memcpy(a->state.known_good, entry->id, SLOT_ID_SIZE);
		}
		confirm_trial(a, slot);
		rc = save_or_undo(a, &before, err);
	}
	pthread_mutex_unlock(&a->state_lock);
	return rc;
}

/* A trial that has passed and is not the default: the chain needs nothing of it any more,
 * and may have left something (a boot entry). */
static void drop_arm(struct agent *a, const char *slot)
{
	const struct boot_chain *chain = NULL;
	struct kf_error e;
	bool over;
	int rc;

	pthread_mutex_lock(&a->state_lock);
	over = a->state.trial.phase == CONFIRMED &&
	       strcmp(a->state.trial.slot, slot) == 0;
	pthread_mutex_unlock(&a->state_lock);
	if (!over)
		return;
	rc = chain_of_slot(a, slot, &chain, &e);
	if (rc == 0)
		rc = chain->disarm(a, &e);
	if (rc < 0)
		log_warn("trial slot=%s event=disarm error=\"%s\"", slot, e.msg);
}

/* One real boot is needed, of the slot as it is now. */
static int check_kexec(struct agent *a, const char *slot, struct kf_error *err)
{
	const struct state_slot *entry;
	bool good;

	if (!a->boot.kexec || strcmp(slot, a->boot.slot) != 0)
		return 0;
	pthread_mutex_lock(&a->state_lock);
	entry = state_find(&a->state, slot);
	good = entry && entry->state == KFERRY__SLOT_STATE__SLOT_GOOD;
	pthread_mutex_unlock(&a->state_lock);
	if (good)
		return 0;
	return kf_err(err, -EINVAL, KF_REASON_NOT_RUNNING,
		      "slot %s was started by kexec only: nothing shows that the board "
		      "boots it. `kferry deploy` without --kexec does; --kexec-ok "
		      "confirms it all the same",
		      slot);
}

static int confirm(struct agent *a, const char *slot, bool make_default, bool force,
		   struct kf_error *err)
{
	const struct boot_chain *chain = NULL;
	char old[SLOT_ID_SIZE];
	struct kf_error e;
	int rc = 0;

	if (!force && strcmp(slot, a->boot.slot) != 0)
		return kf_err(err, -EINVAL, KF_REASON_NOT_RUNNING,
			      "slot %s is not running (%s is), so nothing shows that it "
			      "is good",
			      slot, a->boot.slot[0] ? a->boot.slot : "a foreign kernel");
	pthread_mutex_lock(&a->state_lock);
	memcpy(old, a->state.default_slot, sizeof(old));
	if (!state_find(&a->state, slot))
		rc = kf_err(err, -ENOENT, KF_REASON_NO_SLOT,
			    "there is no slot %s on this board", slot);
	pthread_mutex_unlock(&a->state_lock);
	if (rc == 0 && make_default)
		rc = chain_of_slot(a, slot, &chain, err);
	if (rc == 0 && chain)
		rc = chain->commit(a, slot, err);
	if (rc < 0)
		return rc;
	rc = save_confirm(a, slot, make_default, err);
	if (rc < 0 && chain && chain->commit(a, old, &e) < 0)
		log_err("trial slot=%s event=undo error=\"%s\"", slot, e.msg);
	if (rc < 0)
		return rc;
	log_info("trial slot=%s event=confirmed default=%d", slot, make_default);
	if (!make_default)
		drop_arm(a, slot);
	return 0;
}

static int confirm_locked(struct agent *a, const char *slot, bool make_default,
			  bool force, bool kexec_ok, struct kf_error *err)
{
	int rc;

	pthread_mutex_lock(&a->chain_lock);
	rc = kexec_ok ? 0 : check_kexec(a, slot, err);
	if (rc == 0)
		rc = confirm(a, slot, make_default, force, err);
	pthread_mutex_unlock(&a->chain_lock);
	return rc;
}

int trial_confirm(struct agent *a, const char *slot, bool make_default, bool force,
		  struct kf_error *err)
{
	return confirm_locked(a, slot, make_default, force, false, err);
}

int trial_confirm_kexec(struct agent *a, const char *slot, bool make_default, bool force,
			struct kf_error *err)
{
	return confirm_locked(a, slot, make_default, force, true, err);
}

/* Which chain makes `slot` the default: a slot's own; for the foreign kernel that of the
 * slot it replaces, or of the trial, else the board's. */
static int chain_for_rollback(struct agent *a, const char *slot, const struct state *s,
			      const struct boot_chain **ret, struct kf_error *err)
{
	if (strcmp(slot, FOREIGN) != 0)
		return chain_of_slot(a, slot, ret, err);
	if (strcmp(s->default_slot, FOREIGN) != 0)
		return chain_of_slot(a, s->default_slot, ret, err);
	if (s->trial.phase == ARMED || s->trial.phase == RUNNING)
		return chain_of_slot(a, s->trial.slot, ret, err);
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
	end_trials(&a->state);
	memset(&a->state.trial, 0, sizeof(a->state.trial));
	memset(&a->state.unconfirmed, 0, sizeof(a->state.unconfirmed));
	a->state.trial.phase = NONE;
	rc = save_or_undo(a, &before, err);
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
		rc = check_image(a, slot, err);
	if (rc < 0)
		return rc;
	rc = chain_for_rollback(a, slot, &s, &chain, err);
	/* Where no chain is usable nothing was ever changed by one. */
	if (rc < 0 && (s.trial.phase == ARMED || strcmp(slot, s.default_slot) != 0))
		return rc;
	if (chain) {
		rc = disarm_other(a, &s.trial, chain, err);
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
	rc = rollback(a, slot, err);
	pthread_mutex_unlock(&a->chain_lock);
	return rc;
}

bool trial_timeout(const struct agent *a, unsigned *ret_timeout_s)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&a->state_lock;
	struct state_unconfirmed tmp;
	const struct state_unconfirmed *runs;

	pthread_mutex_lock(lock);
	runs = running_trial(a, &tmp);
	pthread_mutex_unlock(lock);
	if (runs)
		*ret_timeout_s = runs->confirm_timeout_s;
	return runs;
}

uint64_t trial_left_ms(const struct agent *a)
{
	unsigned timeout_s = 0;
	int64_t left;

	if (!trial_timeout(a, &timeout_s))
		return 0;
	left = a->boot.start_ms + (int64_t)timeout_s * 1000 - clock_now_ms();
	/* 0 would say that no trial runs. */
	return left > 0 ? (uint64_t)left : 1;
}
