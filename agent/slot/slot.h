/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A slot on disk, below the state directory:
 *
 *	slots/<id>/manifest        as it was sent; its digest names the slot
 *	slots/<id>/slot.conf       how it boots: key value lines, see struct slot_conf
 *	slots/<id>/boot/... dtbs/... overlays/... modules/<release>/...   the files
 *	slots/<id>/initrd          what was made for it, absent if none
 *	slots/<id>/initrd.key      what that was made of, if it is a graft
 *	staging/<id>/...           the same while it is being received
 *
 * A slot's directory appears by one rename of a complete, flushed, verified staging
 * directory; after that nothing in it changes but slot.conf and initrd of a slot that is
 * neither known-good nor the default, and of one that runs slot.conf only.
 */
#ifndef KF_SLOT_H
#define KF_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/agent.h"
#include "proto/manifest.h"

struct boot_chain;

struct slot_conf {
	char *chain;	      /* boot chain it was staged for */
	char *parked;	      /* chain that it is being taken from, chain being NULL */
	char *cmdline;	      /* the whole command line */
	char *base;	      /* of it, what was there before a trial's additions */
	bool base_given;      /* base was asked for, not taken from what ran */
	bool modules_only;    /* installed for its modules: it has never been bootable */
	char *initramfs;      /* "graft", "distro", "none", "package" */
	uint64_t initrd_base; /* bytes at the front of initrd that are another kernel's
				 (graft) */
};

struct slot {
	char id[SLOT_ID_SIZE];
	int fd; /* the slot's directory */
	struct manifest manifest;
	struct slot_conf conf;
};

/* Where the slots and what is being received are, below the state directory. */
#define SLOTS_DIR   "slots"
#define STAGING_DIR "staging"
#define SLOT_PATH   32 /* bytes of "staging/<id>" */

/* Open a complete slot; -ENOENT (KF_REASON_NO_SLOT) when there is none. */
int slot_open(const struct agent *a, const char *id, struct slot *ret,
	      struct kf_error *err) _must_check_;
void slot_close(struct slot *s);
#define _slot_ _cleanup_(slot_close)

/* Read a manifest in dir_fd and check that its digest names `id`; fills *ret, which
 * manifest_fini() releases.  digest may be NULL. */
int slot_read_manifest(int dir_fd, const char *id, struct manifest *ret,
		       struct digest *ret_digest, struct kf_error *err) _must_check_;

/* What is not in the file is NULL or 0. */
int slot_conf_load(int slot_fd, struct slot_conf *ret) _must_check_;
void slot_conf_fini(struct slot_conf *c);
#define _slot_conf_ _cleanup_(slot_conf_fini)
int slot_conf_save(int slot_fd, const struct slot_conf *c,
		   struct kf_error *err) _must_check_;
/* The chain that may have files of it; NULL: it is not known to be in one. */
const char *slot_left_at(const struct slot_conf *c);
/* Bytes it takes. */
int slot_bytes(const struct slot *s, uint64_t *ret) _must_check_;

/*
 * Remove it: boot chain's part first, then the state's entry, then the files.  Refused
 * (KF_REASON_SLOT_IN_USE) for the running, the known-good, the default and an armed slot.
 * Takes a->chain_lock.
 */
int slot_remove(struct agent *a, const char *id, struct kf_error *err) _must_check_;
/* Only the boot chain's part of it. */
int slot_unstage(const struct agent *a, const char *id,
		 struct kf_error *err) _must_check_;
/*
 * Take its boot entry and its copies on the boot file system away; the slot itself stays,
 * and a deploy of its package makes it bootable again without sending files.  Refused as
 * slot_remove() is.  Takes a->chain_lock.
 */
int slot_park(struct agent *a, const struct boot_chain *chain, const char *id,
	      struct kf_error *err) _must_check_;
/* slot_remove() for a slot that is gone already or never became one (recovery): no
 * checks. */
int slot_discard(struct agent *a, const char *id, struct kf_error *err) _must_check_;
/* May this slot be removed or changed?  0 or KF_REASON_SLOT_IN_USE; a->state_lock held.
 */
int slot_check_unused(struct agent *a, const char *id, struct kf_error *err) _must_check_;
/* Remove slots beyond conf.keep, those that were installed for their modules only before
 * all others and then by age, and of bad ones all but the newest.  What slot_remove()
 * refuses stays, and does not count. */
int slot_retain(struct agent *a, struct kf_error *err) _must_check_;
/* Does the running kernel match this manifest: by build-id, else by banner. */
bool slot_matches_running(const struct agent *a, const struct manifest *m);

/*
 * Make /lib/modules/<release> show the modules of slot s: a symbolic link, replaced
 * atomically; where a real directory stands, a bind mount over it (a foreign kernel's
 * modules are never touched); where the root is read-only, a link in a directory that
 * covers /lib/modules for this boot.
 */
int slot_show_modules(const struct agent *a, const struct slot *s,
		      struct kf_error *err) _must_check_;

#endif
