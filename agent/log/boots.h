/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boot records and the logs kept with them, below the state directory:
 *
 *	boots/<number>/record       boot_id, slot or foreign, release, how it ended
 *	boots/<number>/kmsg.zst     the kernel's log in /dev/kmsg records, one zstd stream
 *	                            of many frames: whole up to the last flush after a
 *crash boots/<number>/pstore/...   what pstore held of that boot, collected at the next
 *
 * boots_open() at agent start writes the record of this boot, settles how the boot before
 * it ended, takes pstore's records (before systemd-pstore does) and assigns them to the
 *boot that they are of, and removes the oldest beyond BOOTS_KEEP.  Numbers come from the
 *state.
 */
#ifndef KF_BOOTS_H
#define KF_BOOTS_H

#include <dirent.h>

#include "agent/agent.h"
#include "agent/slot/slot.h"

#define BOOTS_KEEP 20

struct boot_record {
	uint64_t number;
	char boot_id[40];
	char slot[SLOT_ID_SIZE]; /* "" foreign */
	char release[LIMIT_RELEASE + 1];
	Kferry__BootEnd end;
};

/*
 * A boot that the agent never saw (a trial that died before it) gets a record when pstore
 * has something of it: boot_id is "unseen-<number>", and the number is the one that the
 * next boot left free for it.
 */

/* Idempotent within a boot. *ret_fd: directory of this boot's record. */
int boots_open(struct agent *a, int *ret_fd, struct kf_error *err) _must_check_;
/* Newest first; at most max. */
int boots_list(const struct agent *a, struct boot_record *ret, size_t max,
	       size_t *ret_n) _must_check_;
/* Directory of the boot with this id ("": the one n before this: 0, 1, ...). */
int boots_dir(const struct agent *a, const char *boot_id, unsigned before,
	      struct boot_record *ret, int *ret_fd) _must_check_;
int boots_set_end(const struct agent *a, Kferry__BootEnd end) _must_check_;

/*
 * pstore's records may come late: a new kernel registers its backend when a module loads.
 * Takes what is there now for the boot before this one; *ret_n: records taken.  Called
 * some seconds after the start, and when somebody asks for logs the first time.
 */
int boots_collect(struct agent *a, unsigned *ret_n) _must_check_;

/* Move what is in /sys/fs/pstore (mounted if need be) into dir_fd:"pstore/"; EFI parts
 * are kept as they are and also joined newest-last into pstore/dmesg.txt.  Names are
 * checked; a record is unlinked only after its copy is flushed.  *ret_n: records taken.
 */
int pstore_collect(const struct agent *a, int dir_fd, unsigned *ret_n) _must_check_;
/* Is there something that pstore_collect() would take; mounts it if need be. */
bool pstore_pending(const struct agent *a);
/* Does what was collected below dir_fd tell of a panic or an oops. */
bool pstore_has_crash(int dir_fd);

#endif
