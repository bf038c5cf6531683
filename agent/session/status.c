/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Status and Slots, built from the state (under its lock), the slots and /proc. */
#include "agent/session/status.h"

#include <stdlib.h>
#include <string.h>

#include "agent/boot/boot.h"
#include "agent/deploy/deploy.h"
#include "agent/session/msg.h"
#include "agent/slot/bootmark.h"
#include "agent/slot/shown.h"
#include "agent/trial/trial.h"
#include "proto/base/clock.h"

static uint64_t read_number(const struct agent *a, const char *path)
{
	_free_ char *line = agent_line(a, path);

	return line ? strtoull(line, NULL, 10) : 0;
}

/* The chain that a plan without wishes would get; "" when none is usable. */
static char *usable_chain(const struct agent *a)
{
	const struct boot_chain *chain;
	struct kf_error err = {0};

	return msg_text(boot_select(a, NULL, &chain, &err) < 0 ? "" : chain->name,
			LIMIT_NAME);
}

static struct state copy_state(struct agent *a)
{
	struct state st;

	pthread_mutex_lock(&a->state_lock);
	st = a->state;
	pthread_mutex_unlock(&a->state_lock);
	return st;
}

int status_build(struct agent *a, Kferry__Status **ret)
{
	struct state st = copy_state(a);
	char holder[LIMIT_PERSON + 1] = "", watchdog[sizeof(a->watchdog)];
	char shown[SLOT_ID_SIZE];
	Kferry__Status *m = malloc(sizeof(*m));

	if (!m)
		return -ENOMEM;
	kferry__status__init(m);
	deploy_holder(a, holder, sizeof(holder));
	pthread_mutex_lock(&a->state_lock);
	memcpy(watchdog, a->watchdog, sizeof(watchdog));
	pthread_mutex_unlock(&a->state_lock);
	m->boot_id = msg_text(a->boot.boot_id, LIMIT_NAME);
	m->release = msg_text(a->boot.release, LIMIT_NAME);
	m->banner = msg_text(a->boot.banner, LIMIT_STRING);
	m->build_id = msg_text(a->boot.build_id, LIMIT_STRING);
	m->uptime_ms = (uint64_t)(clock_now_ms() - a->boot.start_ms);
	m->agent_start_ms = a->times.agent_ms;
	m->init_start_ms = a->times.init_ms;
	m->loader_ms = a->times.loader_ms;
	m->firmware_ms = a->times.firmware_ms;
	m->running_slot = msg_text(a->boot.slot, LIMIT_NAME);
	m->known_good = msg_text(st.known_good, LIMIT_NAME);
	m->default_slot = msg_text(st.default_slot, LIMIT_NAME);
	m->trial = st.trial.phase;
	m->trial_slot = msg_text(st.trial.slot, LIMIT_NAME);
	m->deadline_left_ms = trial_left_ms(a);
	m->holder = msg_text(holder, LIMIT_PERSON);
	m->tainted = read_number(a, "/proc/sys/kernel/tainted");
	m->chain = usable_chain(a);
	m->kexec = a->boot.kexec;
	m->cmdline = msg_text(a->boot.cmdline, LIMIT_STRING);
	m->watchdog = msg_text(watchdog, LIMIT_STRING);
	m->modules_changed = shown_has_changed(a);
	m->restaged = bootmark_is(a, BOOTMARK_RESTAGED);
	shown_now(a, shown);
	m->modules_slot = msg_text(shown, LIMIT_NAME);
	if (!m->boot_id || !m->release || !m->banner || !m->build_id ||
	    !m->running_slot || !m->known_good || !m->default_slot || !m->trial_slot ||
	    !m->holder || !m->chain || !m->cmdline || !m->watchdog || !m->modules_slot) {
		kferry__status__free_unpacked(m, NULL);
		return -ENOMEM;
	}
	*ret = m;
	return 0;
}

/* --- slots ---------------------------------------------------------------------- */

static int fill_manifest(Kferry__Slot *m, const struct slot *s)
{
	const struct manifest *mf = &s->manifest;

	m->release = msg_text(mf->release, LIMIT_RELEASE);
	m->build_id = msg_text(mf->build_id, LIMIT_STRING);
	m->commit = msg_text(mf->commit, LIMIT_STRING);
	m->branch = msg_text(mf->branch, LIMIT_STRING);
	m->banner = msg_text(mf->banner, LIMIT_STRING);
	m->dirty = mf->dirty;
	if (slot_bytes(s, &m->bytes) < 0)
		m->bytes = 0;
	return m->release && m->build_id && m->commit && m->branch && m->banner ? 0
										: -ENOMEM;
}

/* 0 also for a slot that cannot be read: it is left out. */
static int add_slot(struct agent *a, const struct state *st, const struct state_slot *ss,
		    const char *shown, Kferry__Slots *list)
{
	_slot_ struct slot s = {.fd = -1};
	struct kf_error err = {0};
	Kferry__Slot *m;

	if (slot_open(a, ss->id, &s, &err) < 0)
		return 0;
	m = malloc(sizeof(*m));
	if (!m)
		return -ENOMEM;
	kferry__slot__init(m);
	list->slot[list->n_slot++] = m;
	m->id = msg_text(ss->id, LIMIT_NAME);
	m->state = ss->state;
	m->number = ss->number;
	m->running = strcmp(a->boot.slot, ss->id) == 0;
	m->is_default = strcmp(st->default_slot, ss->id) == 0;
	m->known_good = strcmp(st->known_good, ss->id) == 0;
	m->modules_shown = strcmp(shown, ss->id) == 0;
	return m->id ? fill_manifest(m, &s) : -ENOMEM;
}

int status_slots(struct agent *a, Kferry__Slots **ret)
{
	struct state st = copy_state(a);
	Kferry__Slots *m = malloc(sizeof(*m));
	char shown[SLOT_ID_SIZE];
	int r = 0;

	if (!m)
		return -ENOMEM;
	shown_now(a, shown);
	kferry__slots__init(m);
	m->slot = calloc(STATE_SLOTS, sizeof(*m->slot));
	if (!m->slot)
		r = -ENOMEM;
	for (unsigned i = 0; r == 0 && i < st.n_slots; i++)
		r = add_slot(a, &st, &st.slots[i], shown, m);
	if (r < 0) {
		kferry__slots__free_unpacked(m, NULL);
		return r;
	}
	*ret = m;
	return 0;
}
