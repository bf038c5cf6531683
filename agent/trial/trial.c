/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Judging a boot: what it makes of the trial, whether a deadline runs, and what is left
 * to be done to the boot chain.  The judgement itself runs no program and waits for
 * nothing, so that the watch can start.
 */
#include <string.h>

#include "agent/boot/boot.h"
#include "agent/boot/kexec/boot_kexec.h"
#include "agent/trial/trial_parts.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"

const struct state_unconfirmed *trial_running(const struct agent *a,
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

bool trial_is_on(const struct agent *a, unsigned *ret_timeout_s)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&a->state_lock;
	unsigned timeout_s;
	enum verdict v;

	pthread_mutex_lock(lock);
	v = weigh(a);
	timeout_s = a->state.trial.confirm_timeout_s;
	pthread_mutex_unlock(lock);
	if (v != RUNS && v != RUNS_AGAIN)
		return trial_timeout(a, ret_timeout_s);
	*ret_timeout_s = timeout_s;
	return true;
}

/* Does the state change? */
static bool judge(struct agent *a)
{
	enum verdict v = weigh(a);
	struct trial_unsettled *u = &a->unsettled;
	bool armed = a->state.trial.phase == ARMED;

	memcpy(u->slot, a->state.trial.slot, sizeof(u->slot));
	u->look = armed && v == AS_IT_WAS;
	u->elsewhere = armed && v == FELL;
	u->disarm = !armed && v == FELL;
	u->commit = v == RUNS_AGAIN;
	if (u->elsewhere)
		return false;
	if (v == FELL)
		trial_fell_back(a);
	else if (v != AS_IT_WAS)
		now_running(a);
	return v != AS_IT_WAS;
}

int trial_boot(struct agent *a, struct kf_error *err)
{
	bool changed;
	int rc = 0;

	pthread_mutex_lock(&a->state_lock);
	changed = judge(a);
	changed = drop_unconfirmed(a) || changed;
	/* What runs, runs: where that cannot be written its deadline must count all the
	 * same, and the next boot comes to its own judgement. */
	if (changed)
		rc = state_save(a->state_fd, &a->state, err);
	if (rc < 0)
		memset(&a->unsettled, 0, sizeof(a->unsettled));
	pthread_mutex_unlock(&a->state_lock);
	return rc;
}

bool trial_timeout(const struct agent *a, unsigned *ret_timeout_s)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&a->state_lock;
	struct state_unconfirmed tmp;
	const struct state_unconfirmed *runs;

	pthread_mutex_lock(lock);
	runs = trial_running(a, &tmp);
	pthread_mutex_unlock(lock);
	if (runs)
		*ret_timeout_s = runs->confirm_timeout_s;
	return runs;
}

static int64_t left_ms(const struct agent *a, unsigned timeout_s)
{
	return a->boot.start_ms + (int64_t)timeout_s * 1000 - clock_now_ms();
}

bool trial_is_over(const struct agent *a)
{
	unsigned timeout_s = 0;

	return trial_timeout(a, &timeout_s) && left_ms(a, timeout_s) <= 0;
}

uint64_t trial_left_ms(const struct agent *a)
{
	unsigned timeout_s = 0;
	int64_t left;

	if (!trial_timeout(a, &timeout_s))
		return 0;
	left = left_ms(a, timeout_s);
	/* 0 would say that no trial runs. */
	return left > 0 ? (uint64_t)left : 1;
}
