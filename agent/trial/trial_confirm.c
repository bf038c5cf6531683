/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Confirming: the slot that runs is good, and the default where that was asked for.  The
 * chain changes before the state; a state that cannot be saved takes the chain back.
 */
#include <string.h>

#include "agent/boot/boot.h"
#include "agent/slot/bootmark.h"
#include "agent/slot/shown.h"
#include "agent/trial/trial_parts.h"
#include "proto/base/log.h"
#include "proto/reason.h"

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
		rc = state_change(a->state_fd, &a->state, &before, err);
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
	rc = trial_chain_of(a, slot, &chain, &e);
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

/* The board is on its way down: who confirms now would be told a pass, and find another
 * kernel. */
static int check_time(const struct agent *a, const char *slot, struct kf_error *err)
{
	if (strcmp(slot, a->boot.slot) != 0 || !trial_is_over(a))
		return 0;
	return kf_err(err, -ETIME, KF_REASON_BUSY,
		      "the time of slot %s's trial is up, and the board goes back to its "
		      "known-good kernel; a longer timeout.confirm gives it more",
		      slot);
}

/* Its own modules may never have been loaded in this boot. */
static int check_modules(const struct agent *a, const char *slot, struct kf_error *err)
{
	if (strcmp(slot, a->boot.slot) != 0 || !shown_has_changed(a))
		return 0;
	return kf_err(
		err, -EINVAL, KF_REASON_NOT_RUNNING,
		"slot %s has run with another slot's modules in this boot, so nothing "
		"shows that it is good with its own: boot it again (kferry deploy)",
		slot);
}

/* It runs, but not as it would boot: that has to be seen first. */
static int check_restaged(const struct agent *a, const char *slot, struct kf_error *err)
{
	if (strcmp(slot, a->boot.slot) != 0 || !bootmark_is(a, BOOTMARK_RESTAGED))
		return 0;
	return kf_err(
		err, -EINVAL, KF_REASON_NOT_RUNNING,
		"slot %s runs, but how it boots (its command line) was changed since, "
		"and nothing shows that it still does: boot it again (kferry deploy)",
		slot);
}

static int confirm(struct agent *a, const char *slot, bool make_default, bool force,
		   struct kf_error *err)
{
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
	if (rc == 0)
		rc = check_time(a, slot, err);
	if (rc == 0)
		rc = check_restaged(a, slot, err);
	if (rc == 0 && !force)
		rc = check_modules(a, slot, err);
	if (rc < 0)
		return rc;
	if (make_default)
		rc = trial_commit(a, slot, err);
	if (rc == 0)
		rc = save_confirm(a, slot, make_default, err);
	if (rc < 0 && make_default && trial_commit(a, old, &e) < 0)
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
	trial_settle_locked(a);
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
