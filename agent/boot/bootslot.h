/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A slot's kernel and initramfs on their way to a boot file system: opened, found to be
 * what was promised, and put into a directory under names that the boot stage expects.
 */
#ifndef KF_BOOTSLOT_H
#define KF_BOOTSLOT_H

#include "agent/slot/slot.h"
#include "proto/digest.h"

struct bootslot {
	int image;  /* owned */
	int initrd; /* the caller's; -1: none */
	struct digest image_digest, initrd_digest;
};

/* What the files are called there. */
struct bootslot_names {
	const char *image, *initrd;
};

/* The image has the manifest's digest, or KF_REASON_DIGEST. */
int bootslot_open(const struct slot *s, int initrd_fd, struct bootslot *ret,
		  struct kf_error *err) _must_check_;
void bootslot_close(struct bootslot *b);
#define _bootslot_ _cleanup_(bootslot_close)

/* 1: dir has exactly these files' bytes on the disk, and no initrd when there is none. */
int bootslot_has(const struct bootslot *b, int dir,
		 const struct bootslot_names *names) _must_check_;
/* Bring dir to that; what is right already is kept.  where is for the error's text.  The
 * entry that names the files has to be gone before. */
int bootslot_put(const struct bootslot *b, int dir, const struct bootslot_names *names,
		 const char *where, struct kf_error *err) _must_check_;

/* Where a slot's files and its entry are, as paths below root. */
struct bootslot_place {
	int root;
	const char *where; /* root's path, for texts */
	const char *dir, *entry;
	const struct bootslot_names *names;
};

/* Make the directory, and bring it to that; where files have to change, the entry goes
 * before. */
int bootslot_stage(const struct bootslot *b, const struct bootslot_place *p,
		   struct kf_error *err) _must_check_;

/* Is there a directory of a slot's in dirfd/dir? */
bool bootslot_any(int dirfd, const char *dir);

#endif
