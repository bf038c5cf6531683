/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From received files to a slot: verify from disk, initramfs, one flush, one rename into
 * slots/, the boot entry, and then the state: the one flip that makes it a slot.  What
 * fails before the flip is undone, so that the next deploy resumes.
 *
 * Verifying writes each file's bytes back before it reads them; the flush brings to the
 * disk what makes them a slot: names, sizes, slot.conf, and the disk's own cache.  So one
 * flush is enough, and it comes before anything can lead to the slot.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/boot/boot.h"
#include "agent/deploy/parts.h"
#include "agent/deploy/space.h"
#include "agent/initramfs/initramfs.h"
#include "agent/oserr.h"
#include "agent/slot/bootmark.h"
#include "agent/slot/shown.h"
#include "agent/slot/slot_modules.h"
#include "proto/base/clock.h"
#include "proto/base/fs.h"
#include "proto/base/log.h"
#include "proto/reason.h"

static int flush(struct deploy *d, struct kf_error *err)
{
	int rc;

	deploy_stage(d, "flush", 0);
	rc = fs_sync_fs(d->staging_fd);
	return rc < 0 ? oserr(err, rc, "flush %s", d->a->conf.state_dir) : 0;
}

/* The slot as backends see it; nothing in it is the caller's to release. */
static struct slot view(const struct deploy *d)
{
	struct slot s = {.fd = d->slot.fd >= 0 ? d->slot.fd : d->staging_fd,
			 .manifest = d->slot.fd >= 0 ? d->slot.manifest : d->manifest,
			 .conf = d->conf};

	memcpy(s.id, d->id, SLOT_ID_SIZE);
	return s;
}

static int make_initramfs(struct deploy *d, struct kf_error *err)
{
	struct initramfs_result made = {.how = NULL};
	struct slot s = view(d);
	int64_t began = clock_now_ms();
	int rc;

	if (!d->chain)
		return 0;
	deploy_stage(d, "initramfs", 0);
	/* One that an interrupted install left may be half written. */
	if (d->slot.fd < 0 && unlinkat(s.fd, INITRD_FILE, 0) < 0 && errno != ENOENT)
		return oserr(err, -errno, "remove the initramfs of slot %s", d->id);
	rc = initramfs_make(d->a, d->chain, &s, d->initramfs, d->cancel, &made, err);
	if (rc < 0)
		return rc;
	free(d->conf.initramfs);
	d->conf.initramfs = strdup(made.how);
	d->conf.initrd_base = made.base_len;
	log_info("deploy id=%s event=initramfs how=%s took_ms=%lld", d->id, made.how,
		 (long long)(clock_now_ms() - began));
	return d->conf.initramfs ? 0 : oserr(err, -ENOMEM, "make the initramfs");
}

/* Now that all of it is known. */
static int check_boot_space(struct deploy *d, struct kf_error *err)
{
	uint64_t bytes = d->boot_bytes;
	struct slot s = view(d);
	struct stat st;

	if (fstatat(s.fd, INITRD_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0)
		bytes = space_add(bytes, (uint64_t)st.st_size);
	return space_check_boot(d->a, d->chain, d->id, bytes, err);
}

static int stage_entry(struct deploy *d, struct kf_error *err)
{
	struct slot s = view(d);
	_close_ int initrd = -1;

	if (!d->chain)
		return 0;
	deploy_stage(d, "boot", 0);
	initrd = fs_open_beneath(s.fd, INITRD_FILE, O_RDONLY, 0);
	if (initrd < 0 && initrd != -ENOENT)
		return oserr(err, initrd, "open the initramfs of slot %s", d->id);
	return d->chain->stage(d->a, &s, initrd < 0 ? -1 : initrd, err);
}

static int move(struct deploy *d, const char *from, const char *to, struct kf_error *err)
{
	char old[SLOT_PATH], new[SLOT_PATH];
	int rc;

	snprintf(old, sizeof(old), "%s/%s", from, d->id);
	snprintf(new, sizeof(new), "%s/%s", to, d->id);
	rc = renameat(d->a->state_fd, old, d->a->state_fd, new) < 0 ? -errno : 0;
	if (rc < 0)
		return oserr(err, rc, "move %s to %s", old, new);
	rc = fs_sync_dir(d->a->state_fd, to);
	if (rc == 0)
		rc = fs_sync_dir(d->a->state_fd, from);
	if (rc < 0 && renameat(d->a->state_fd, new, d->a->state_fd, old) < 0)
		log_warn("deploy id=%s event=undo error=\"%s\"", d->id, strerror(errno));
	return rc < 0 ? oserr(err, rc, "move %s to %s", old, new) : 0;
}

/* The flip.  A slot that was there has to prove itself again, and is the newest now: the
 * retention that follows must take others first. */
static int flip(struct deploy *d, struct kf_error *err)
{
	struct agent *a = d->a;
	struct state_slot *entry;
	struct state before;
	int rc;

	pthread_mutex_lock(&a->state_lock);
	before = a->state;
	entry = state_add(&a->state, d->id);
	if (!entry) {
		rc = kf_err(err, -ENOSPC, KF_REASON_SPACE,
			    "the board has %d slots, which is all there can be; remove "
			    "some with `kferry kernels rm`",
			    STATE_SLOTS);
	} else {
		entry->number = a->state.next_number++;
		entry->state = KFERRY__SLOT_STATE__SLOT_STAGED;
		rc = state_change(a->state_fd, &a->state, &before, err);
	}
	pthread_mutex_unlock(&a->state_lock);
	return rc;
}

/* Errors in here must not hide the one that led here.  What the boot chain cannot forget
 * now stays where the next deploy or start finds it and tries again. */
static void undo(struct deploy *d)
{
	struct kf_error e;

	if (d->chain && d->chain->remove(d->a, d->id, &e) < 0) {
		log_warn("deploy id=%s event=undo error=\"%s\"", d->id, e.msg);
		return;
	}
	if (move(d, SLOTS_DIR, STAGING_DIR, &e) < 0)
		log_warn("deploy id=%s event=undo error=\"%s\"", d->id, e.msg);
}

/* A directory in the way is no slot: the state does not know it. */
static int clear_the_way(struct deploy *d, struct kf_error *err)
{
	char path[SLOT_PATH];
	int rc;

	snprintf(path, sizeof(path), SLOTS_DIR "/%s", d->id);
	if (!fs_exists(d->a->state_fd, path))
		return 0;
	rc = fs_remove_tree(d->a->state_fd, path);
	return rc < 0 ? oserr(err, rc, "remove %s", path) : 0;
}

/* Before they become a slot: what the running kernel would not load is no use as one. */
static int check_modules(struct deploy *d, struct kf_error *err)
{
	int rc = 0;

	if (d->modules_only)
		rc = shown_check(d->a, &d->manifest, d->staging_fd, err);
	if (rc == -ENOEXEC)
		d->drop_staging = true;
	return rc;
}

static int prepare(struct deploy *d, struct kf_error *err)
{
	int rc;

	if (d->wanted_files > 0)
		return kf_err(err, -EINVAL, KF_REASON_PROTOCOL,
			      "the install was asked for before all files came");
	rc = verify_end(d, err);
	verify_stop(d);
	if (rc == 0)
		rc = check_modules(d, err);
	if (rc == 0)
		rc = make_initramfs(d, err);
	if (rc == 0)
		rc = slot_conf_save(d->staging_fd, &d->conf, err);
	if (rc == 0)
		rc = flush(d, err);
	if (rc < 0 && oserr_reason(rc) == KF_REASON_SPACE)
		d->drop_staging = true;
	return rc;
}

static int put_in_place(struct deploy *d, struct kf_error *err)
{
	int rc;

	rc = clear_the_way(d, err);
	if (rc == 0)
		rc = move(d, STAGING_DIR, SLOTS_DIR, err);
	if (rc < 0)
		return rc;
	rc = stage_entry(d, err);
	if (rc == 0)
		rc = flip(d, err);
	if (rc < 0)
		undo(d);
	return rc;
}

static int install_new(struct deploy *d, struct kf_error *err)
{
	int rc;

	if (!d->have_manifest)
		return kf_err(err, -EINVAL, KF_REASON_PROTOCOL,
			      "the install was asked for before the manifest came");
	rc = prepare(d, err);
	if (rc == 0)
		rc = check_boot_space(d, err);
	if (rc == 0)
		rc = deploy_check_cancel(d, err);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&d->a->chain_lock);
	rc = put_in_place(d, err);
	pthread_mutex_unlock(&d->a->chain_lock);
	return rc;
}

/* Between the plan and now somebody may have removed it, or confirmed it. */
static int check_still_loose(struct deploy *d, struct kf_error *err)
{
	struct state_slot *entry;
	bool there, kept;

	pthread_mutex_lock(&d->a->state_lock);
	entry = state_find(&d->a->state, d->id);
	there = entry && entry->state != KFERRY__SLOT_STATE__SLOT_GONE;
	kept = deploy_slot_is_kept(d);
	pthread_mutex_unlock(&d->a->state_lock);
	if (!there)
		return kf_err(err, -ENOENT, KF_REASON_NO_SLOT,
			      "slot %s was removed meanwhile; deploy it again", d->id);
	if (kept)
		return kf_err(
			err, -EBUSY, KF_REASON_SLOT_IN_USE,
			"slot %s has become the known-good or default one meanwhile, "
			"which is never changed",
			d->id);
	return 0;
}

static void drop_old_entry(struct deploy *d)
{
	const char *old = slot_left_at(&d->slot.conf);
	const struct boot_chain *chain;
	struct kf_error e;

	if (!old || !d->chain || strcmp(old, d->chain->name) == 0)
		return;
	chain = boot_find(old);
	if (chain && chain->remove(d->a, d->id, &e) < 0)
		log_warn("deploy id=%s chain=%s error=\"%s\"", d->id, old, e.msg);
}

/* What runs has not been booted in the way that it is about to have: before anything of
 * that is written, as the next CONFIRM must know. */
static int mark_running(struct deploy *d, struct kf_error *err)
{
	int rc = 0;

	if (strcmp(d->id, d->a->boot.slot) == 0)
		rc = bootmark_leave(d->a, BOOTMARK_RESTAGED);
	return rc < 0 ? oserr(err, rc, "write %s", BOOTMARK_RESTAGED) : 0;
}

/* The files are there; only how they boot changes.  In between slot.conf names no chain:
 * a crash there must not leave an entry that slot.conf describes wrongly. */
static int restage_entry(struct deploy *d, struct kf_error *err)
{
	struct slot_conf unstaged;
	int rc;

	rc = check_still_loose(d, err);
	if (rc < 0)
		return rc;
	if (!d->conf.initramfs && d->slot.conf.initramfs) {
		d->conf.initramfs = strdup(d->slot.conf.initramfs);
		d->conf.initrd_base = d->slot.conf.initrd_base;
		if (!d->conf.initramfs)
			return oserr(err, -ENOMEM, "install slot %s", d->id);
	}
	unstaged = d->conf;
	unstaged.chain = NULL;
	rc = mark_running(d, err);
	if (rc == 0)
		rc = slot_conf_save(d->slot.fd, &unstaged, err);
	if (rc < 0)
		return rc;
	drop_old_entry(d);
	rc = stage_entry(d, err);
	if (rc == 0)
		rc = slot_conf_save(d->slot.fd, &d->conf, err);
	return rc < 0 ? rc : flip(d, err);
}

static int restage(struct deploy *d, struct kf_error *err)
{
	int rc = check_still_loose(d, err);

	if (rc == 0 && d->new_initrd)
		rc = make_initramfs(d, err);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&d->a->chain_lock);
	rc = restage_entry(d, err);
	pthread_mutex_unlock(&d->a->chain_lock);
	return rc;
}

static void after_flip(struct deploy *d)
{
	struct slot s = view(d);
	struct kf_error e;

	/* They are shown next, and only then may others go. */
	if (d->modules_only)
		return;
	slot_offer_modules(d->a, &s);
	if (slot_retain(d->a, &e) < 0)
		log_warn("deploy id=%s event=retain error=\"%s\"", d->id, e.msg);
}

int deploy_install(struct deploy *d, Kferry__Installed *ret, struct kf_error *err)
{
	const char *how;
	int rc = 0;

	if (!d->installed) {
		rc = d->slot.fd >= 0 ? restage(d, err) : install_new(d, err);
		if (rc < 0) {
			/* Generators and backends say "I/O"; a full disk is its own
			 * reason. */
			if (err->reason == KF_REASON_IO)
				err->reason = oserr_reason(rc);
			log_err("deploy id=%s event=failed error=\"%s\"", d->id,
				err->msg);
			return rc;
		}
		log_info("deploy id=%s event=installed received=%llu initramfs=%s", d->id,
			 (unsigned long long)d->received_bytes,
			 d->conf.initramfs ? d->conf.initramfs : "-");
		after_flip(d);
	}
	how = d->installed ? d->slot.conf.initramfs : d->conf.initramfs;
	ret->slot = d->id;
	ret->already = d->installed;
	ret->received_bytes = d->received_bytes;
	ret->initramfs = (char *)(how ? how : "none");
	return 0;
}
