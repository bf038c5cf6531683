/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of a deploy share: struct deploy, and small helpers on it.  Only for
 * agent/deploy/deploy.c and agent/deploy/.
 *
 * The order is the same for every file: have.c finds or links it, receive.c takes what
 * is missing, verify.c writes back what is fresh and reads it from the disk again,
 * install.c flushes and flips.
 */
#ifndef KF_DEPLOY_PARTS_H
#define KF_DEPLOY_PARTS_H

#include "agent/deploy/bases.h"
#include "agent/deploy/deploy.h"
#include "agent/slot/slot.h"

#define MANIFEST_FILE "manifest"
#define INITRD_FILE   "initrd"
#define PART_FILE     ".part" /* in staging, where no package path can be */

struct deploy {
	struct agent *a;
	int lock_fd;
	char id[SLOT_ID_SIZE];
	struct digest digest; /* of the manifest */
	uint64_t manifest_size;
	uint64_t boot_bytes;
	char release[LIMIT_RELEASE + 1];
	char arch[LIMIT_NAME + 1];
	Kferry__Initramfs initramfs;

	const struct boot_chain *chain; /* NULL: none can be used, and no_arm */
	struct slot_conf conf;		/* how the slot shall boot */

	struct slot slot;  /* the slot that is there already; fd -1: none */
	bool installed;	   /* and nothing has to be done */
	bool kexec;	   /* kexec will start it: see that it can */
	bool new_initrd;   /* it needs another initramfs */
	bool modules_only; /* for the kernel that runs: it need not be bootable */

	int staging_fd;		  /* -1 before there is a manifest */
	bool staging_new;	  /* with nothing in it yet */
	struct manifest manifest; /* of what is being received */
	bool have_manifest;
	uint8_t *wanted; /* bitmap: files to be sent */
	uint8_t *fresh;	 /* bitmap: files to verify from disk */
	uint64_t wanted_files, wanted_bytes, received_bytes;
	bool drop_staging;	     /* the disk is full: do not leave it so */
	struct writeback *writeback; /* NULL: verify_begin() has not been called */

	struct bases *bases; /* NULL: no patches are taken */
	struct buf base_table;

	struct deploy_progress *progress;
	const atomic_bool *cancel;
};

static inline bool bit_get(const uint8_t *map, size_t i)
{
	return map[i / 8] & 1u << i % 8;
}

static inline void bit_set(uint8_t *map, size_t i, bool on)
{
	if (on)
		map[i / 8] = (uint8_t)(map[i / 8] | 1u << i % 8);
	else
		map[i / 8] = (uint8_t)(map[i / 8] & ~(1u << i % 8));
}

/* A new stage, and so much done of it; total 0: not known. */
void deploy_stage(struct deploy *d, const char *stage, uint64_t total);
void deploy_done(struct deploy *d, uint64_t n);
/* 0, or -ECANCELED with err set. */
int deploy_check_cancel(const struct deploy *d, struct kf_error *err) _must_check_;

/* Is its slot the known-good or the default one?  a->state_lock is held. */
bool deploy_slot_is_kept(const struct deploy *d);

/* The directory that holds path below fd, made where it is missing; *ret_base points
 * into path. */
int deploy_parent(int fd, const char *path, const char **ret_base) _must_check_;
/* The same without making any. */
int deploy_parent_open(int fd, const char *path, const char **ret_base) _must_check_;
/* Does rel below fd hold exactly what the manifest says, as far as the page cache knows?
 * 0, -ENOENT, -EBADMSG (another content), or another errno. */
int deploy_verify(int fd, const struct manifest_file *f) _must_check_;

/* Begin to bring the fresh files that are there to the disk and to verify them; once is
 * enough.  Those that come are added one by one; the end waits for all.  An error names
 * the file; one that is wrong on the disk is removed. */
int verify_begin(struct deploy *d, struct kf_error *err) _must_check_;
int verify_add(struct deploy *d, size_t i, struct kf_error *err) _must_check_;
int verify_end(struct deploy *d, struct kf_error *err) _must_check_;
/* At any time; before what it reads is removed or closed. */
void verify_stop(struct deploy *d);

/* Link or copy every file that the board has into the staging directory; wanted and
 * fresh are filled. */
int have_find(struct deploy *d, struct kf_error *err) _must_check_;
/* Remove every staging directory but this one. */
void have_drop_others(struct deploy *d);

/* slots/<id>, which the state does not know as a slot, goes back to staging, or away if
 * nothing can go on with it; first its boot entry.  a->chain_lock is held, or nobody else
 * runs. */
int recover_unflipped(struct agent *a, const char *id, struct kf_error *err) _must_check_;

#endif
