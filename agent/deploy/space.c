/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Comparing what is free with what a deploy takes, making room where slots that nobody
 * needs take it, and saying what does. */
#include "agent/deploy/space.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/oserr.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
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

static bool goes_to_boot(const struct manifest *m, const char *path)
{
	return strcmp(path, m->image) == 0 || strncmp(path, "dtbs/", 5) == 0 ||
	       strncmp(path, "overlays/", 9) == 0;
}

/* What a slot's files take on a boot file system that has copies: the kernel, the device
 * trees and overlays, as the controller counts them, and the initramfs. */
static uint64_t boot_bytes(const struct slot *s)
{
	uint64_t bytes = 0;
	struct stat st;

	for (size_t i = 0; i < s->manifest.n_files; i++)
		if (goes_to_boot(&s->manifest, s->manifest.files[i].path))
			bytes = space_add(bytes, s->manifest.files[i].size);
	if (fstatat(s->fd, "initrd", &st, AT_SYMLINK_NOFOLLOW) == 0)
		bytes = space_add(bytes, (uint64_t)st.st_size);
	return bytes;
}

static uint64_t slot_boot_bytes(const struct agent *a, const char *id)
{
	_slot_ struct slot s = {.fd = -1};

	return slot_open(a, id, &s, NULL) < 0 ? 0 : boot_bytes(&s);
}

/* Slots of the boot file system that have to stay, and what is not kferry's there. */
static void what_is_there(struct agent *a, uint64_t total, uint64_t free_bytes,
			  struct buf *out)
{
	char ids[STATE_SLOTS][SLOT_ID_SIZE], size[16];
	uint64_t others = total > free_bytes ? total - free_bytes : 0;
	unsigned n = 0;
	int rc;

	pthread_mutex_lock(&a->state_lock);
	for (unsigned i = 0; i < a->state.n_slots; i++)
		if (slot_check_unused(a, a->state.slots[i].id, NULL) < 0)
			memcpy(ids[n++], a->state.slots[i].id, SLOT_ID_SIZE);
	pthread_mutex_unlock(&a->state_lock);
	rc = buf_printf(out, "of its %s ", text_bytes(total, size));
	for (unsigned i = 0; i < n && rc == 0; i++) {
		uint64_t bytes = slot_boot_bytes(a, ids[i]);

		others -= bytes < others ? bytes : others;
		if (bytes)
			rc = buf_printf(out, "slot %s, which is in use, takes %s, ",
					ids[i], text_bytes(bytes, size));
	}
	if (rc == 0)
		rc = buf_printf(out,
				"files that are not kferry's take %s; what nobody needs "
				"there can go, and a smaller kernel or initramfs may fit",
				text_bytes(others, size));
	if (rc < 0)
		buf_reset(out);
}

static int too_little(const struct agent *a, const char *where, uint64_t needed,
		      uint64_t free_bytes, struct buf *hint, struct kf_error *err)
{
	char need_text[16], free_text[16], reserve[16];
	const char *text = buf_str(hint);

	return kf_err(err, -ENOSPC, KF_REASON_SPACE,
		      "%s has %s free, but %s are needed (and %s stay in reserve); %s",
		      where, text_bytes(free_bytes, free_text),
		      text_bytes(needed, need_text),
		      text_bytes(a->conf.reserve_bytes, reserve), text ? text : "");
}

static int check_state(struct agent *a, uint64_t bytes, struct kf_error *err)
{
	_buf_ struct buf hint = BUF_INIT;
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
	if (free_bytes >= space_add(bytes, a->conf.reserve_bytes))
		return 0;
	what_could_go(a, &hint);
	return too_little(a, where, bytes, free_bytes, &hint, err);
}

/* Slots that nobody needs, in the order in which they are parked. */
struct parkable {
	char ids[STATE_SLOTS][SLOT_ID_SIZE];
	unsigned n;
};

/* 0: a kernel that never proved itself; 1: one that somebody may want to go back to; 2:
 * the one that is deployed, also when it is older. */
static unsigned park_class(const struct state_slot *s, const char *last)
{
	if (strcmp(s->id, last) == 0)
		return 2;
	return s->state == KFERRY__SLOT_STATE__SLOT_GOOD;
}

/* The oldest of this class after number `after`; NULL: there is none. */
static const struct state_slot *next_of_class(struct agent *a, unsigned class,
					      const char *last, uint64_t after)
{
	const struct state_slot *best = NULL;

	for (unsigned i = 0; i < a->state.n_slots; i++) {
		const struct state_slot *s = &a->state.slots[i];

		if (s->number > after && park_class(s, last) == class &&
		    (!best || s->number < best->number) &&
		    slot_check_unused(a, s->id, NULL) == 0)
			best = s;
	}
	return best;
}

static void list_parkable(struct agent *a, const char *last, struct parkable *p)
{
	pthread_mutex_lock(&a->state_lock);
	for (unsigned class = 0; class <= 2; class ++) {
		const struct state_slot *s;
		uint64_t after = 0;

		while (p->n < STATE_SLOTS && (s = next_of_class(a, class, last, after))) {
			after = s->number;
			memcpy(p->ids[p->n++], s->id, SLOT_ID_SIZE);
		}
	}
	pthread_mutex_unlock(&a->state_lock);
}

/* What would be free if all of them were parked; those of another chain are left out. One
 * that is in none may have files that a cut left. */
static uint64_t free_when_parked(struct agent *a, const struct boot_chain *chain,
				 struct parkable *p, uint64_t free_bytes)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < p->n; i++) {
		_slot_ struct slot s = {.fd = -1};
		const char *at;

		if (slot_open(a, p->ids[i], &s, NULL) < 0)
			continue;
		at = slot_left_at(&s.conf);
		if (at && strcmp(at, chain->name) != 0)
			continue;
		if (at)
			free_bytes = space_add(free_bytes, boot_bytes(&s));
		memmove(p->ids[kept++], p->ids[i], SLOT_ID_SIZE);
	}
	p->n = kept;
	return free_bytes;
}

/* Park slots until so much is free; none, if all of them would not be enough. */
static int make_room(struct agent *a, const struct boot_chain *chain, const char *last,
		     uint64_t bytes, uint64_t *free_bytes, struct kf_error *err)
{
	struct parkable p = {.n = 0};
	int rc = 0;

	list_parkable(a, last, &p);
	if (free_when_parked(a, chain, &p, *free_bytes) < bytes)
		return 0;
	for (unsigned i = 0; i < p.n && rc == 0 && *free_bytes < bytes; i++) {
		struct kf_error e;

		if (slot_park(a, chain, p.ids[i], &e) < 0)
			log_warn("slot id=%s event=park error=\"%s\"", p.ids[i], e.msg);
		rc = chain->space(a, free_bytes, err);
	}
	return rc;
}

int space_check_boot(struct agent *a, const struct boot_chain *chain, const char *id,
		     uint64_t bytes, struct kf_error *err)
{
	uint64_t want = space_add(bytes, a->conf.reserve_bytes), free_bytes = 0, total;
	_free_ char *where = NULL, *point = NULL;
	_buf_ struct buf hint = BUF_INIT;
	int rc;

	if (!chain || !chain->space || bytes == 0)
		return 0;
	rc = chain->space(a, &free_bytes, err);
	if (rc == 0 && free_bytes < want)
		rc = make_room(a, chain, id, want, &free_bytes, err);
	if (rc < 0 || free_bytes >= want)
		return rc;
	if (chain->size && chain->size(a, &total, &point) == 0)
		what_is_there(a, total, free_bytes, &hint);
	else
		what_could_go(a, &hint);
	if (asprintf(&where, "the boot file system %s%s(boot chain %s)",
		     point ? point : "", point ? " " : "", chain->name) < 0) {
		where = NULL;
		return oserr(err, -ENOMEM, "look at the space for %s", chain->name);
	}
	return too_little(a, where, bytes, free_bytes, &hint, err);
}

int space_check(struct agent *a, const struct boot_chain *chain, const char *id,
		uint64_t state_bytes, uint64_t chain_bytes, struct kf_error *err)
{
	int rc = check_state(a, state_bytes, err);

	return rc < 0 ? rc : space_check_boot(a, chain, id, chain_bytes, err);
}
