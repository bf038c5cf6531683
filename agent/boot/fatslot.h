/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A slot's files on a FAT: the directory kferry/<slot>, and small files that point at it.
 *
 * FAT has no journal and its rename is not atomic over a power cut, so files have names
 * of their own, are flushed and read back, and one of them, the entry, makes the
 * directory complete: it is written last, and goes before anything else changes.
 */
#ifndef KF_FATSLOT_H
#define KF_FATSLOT_H

#include "agent/boot/fatdir.h"
#include "agent/slot/slot.h"

#define FATSLOT_OURS "kferry"
#define FATSLOT_REL  (sizeof(FATSLOT_OURS) + SLOT_ID_SIZE + 1)

struct fatslot {
	const struct fatdir *fat;
	const char *entry; /* a name in dir */
	int dir;
	char rel[FATSLOT_REL]; /* "kferry/k-01234567" */
};

/* Make its directory, durably. */
int fatslot_open(const struct fatdir *fat, const char *slot, const char *entry,
		 struct fatslot *ret, struct kf_error *err) _must_check_;
void fatslot_close(struct fatslot *f);
#define _fatslot_ _cleanup_(fatslot_close)

/* Bring one file up to date; what is right already is kept.  name may have directories.
 * From file i of the slot's manifest, compared with what that promises; */
int fatslot_put(struct fatslot *f, const struct slot *s, size_t i, const char *name,
		struct kf_error *err) _must_check_;
/* from a descriptor (-1: it shall not be there); */
int fatslot_put_fd(struct fatslot *f, int fd, const char *name,
		   struct kf_error *err) _must_check_;
/* from memory.  The entry, too, is written by this one. */
int fatslot_put_text(struct fatslot *f, const void *data, size_t n, const char *name,
		     struct kf_error *err) _must_check_;

/* Is kferry/<slot>/name there, and not empty? */
bool fatslot_has(const struct fatdir *fat, const char *slot, const char *name);
/* Entry, then files; absent is fine. */
int fatslot_remove(const struct fatdir *fat, const char *slot, const char *entry,
		   struct kf_error *err) _must_check_;

/*
 * Make fat/name hold data, flushed and read back.  Where only one sector of it changes
 * (the size stays) that sector is written in place, which a power cut leaves old or new;
 * else the file is replaced, and a cut during the rename may leave the old name, the new
 * content, or no file.  The same content is not written again.
 */
int fatfile_write(const struct fatdir *fat, const char *name, const void *data, size_t n,
		  struct kf_error *err) _must_check_;
/* Absent is fine. */
int fatfile_remove(const struct fatdir *fat, const char *name,
		   struct kf_error *err) _must_check_;

#endif
