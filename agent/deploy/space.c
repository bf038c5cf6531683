/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Comparing what is free with what a deploy takes, and saying what could be removed. */
#include "agent/deploy/space.h"

#include <string.h>

#include "agent/oserr.h"
#include "proto/base/fs.h"
#include "proto/reason.h"
#include "proto/text.h"

#define NAMED_SLOTS 4 /* of those that could be removed, in the error text */

uint64_t space_add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* "remove slots that are not needed: k-... (120.0 MiB), ..." */
static void what_could_go(struct agent *a, struct buf *out)
{
	char ids[NAMED_SLOTS][SLOT_ID_SIZE];
	unsigned n = 0;

	pthread_mutex_lock(&a->state_lock);
	for (unsigned i = 0; i < a->state.n_slots && n < NAMED_SLOTS; i++)
		if (slot_check_unused(a, a->state.slots[i].id, NULL) == 0)
			memcpy(ids[n++], a->state.slots[i].id, SLOT_ID_SIZE);
	pthread_mutex_unlock(&a->state_lock);
	if (n == 0) {
		if (buf_printf(out, "no slot can be removed, so make room there") < 0)
			buf_reset(out);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		_slot_ struct slot s = {.fd = -1};
		uint64_t bytes = 0;
		char size[16];
		struct kf_error ignored;

		if (slot_open(a, ids[i], &s, &ignored) == 0 && slot_bytes(&s, &bytes) < 0)
			bytes = 0;
		if (buf_printf(out, "%s%s (%s)",
			       i ? ", " : "remove with `kferry kernels rm`: ", ids[i],
			       text_bytes(bytes, size)) < 0)
			return;
	}
}

static int too_little(struct agent *a, const char *where, uint64_t needed,
		      uint64_t free_bytes, struct kf_error *err)
{
	_buf_ struct buf hint = BUF_INIT;
	char need_text[16], free_text[16], reserve[16];
	const char *text;

	what_could_go(a, &hint);
	text = buf_str(&hint);
	return kf_err(err, -ENOSPC, KF_REASON_SPACE,
		      "%s has %s free, but %s are needed (and %s stay in reserve); %s",
		      where, text_bytes(free_bytes, free_text),
		      text_bytes(needed, need_text),
		      text_bytes(a->conf.reserve_bytes, reserve), text ? text : "");
}

int space_check(struct agent *a, const struct boot_chain *chain, uint64_t state_bytes,
		uint64_t chain_bytes, struct kf_error *err)
{
	_free_ char *where = NULL;
	uint64_t free_bytes = 0;
	int rc;

	rc = fs_free_bytes(a->state_fd, &free_bytes);
	if (rc == 0 && asprintf(&where, "the file system of %s", a->conf.state_dir) < 0) {
		where = NULL;
		rc = -ENOMEM;
	}
	if (rc < 0)
		return oserr(err, rc, "look at the space of %s", a->conf.state_dir);
	if (free_bytes < space_add(state_bytes, a->conf.reserve_bytes))
		return too_little(a, where, state_bytes, free_bytes, err);
	if (!chain || !chain->space)
		return 0;
	rc = chain->space(a, &free_bytes, err);
	if (rc < 0)
		return rc;
	free(TAKE_PTR(where));
	if (asprintf(&where, "the boot file system (boot chain %s)", chain->name) < 0) {
		where = NULL;
		return oserr(err, -ENOMEM, "look at the space for %s", chain->name);
	}
	if (free_bytes < space_add(chain_bytes, a->conf.reserve_bytes))
		return too_little(a, where, chain_bytes, free_bytes, err);
	return 0;
}
