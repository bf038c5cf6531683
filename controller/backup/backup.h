/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What kferry knows of a user, in one file: a tar, compressed with zstd.
 *
 *	kferry-backup	the first entry: "kferry-backup 1", and by which version
 *	config/...	the directory of the user's config.ini
 *	data/...	the data directory: kernel configurations, environments,
 *quarantine, bisects, whatever else is kept there history.db	a consistent copy
 *
 * Left out are runs, virtual boards and object directories, which are large, and what
 * looks like a private key.  On the way back a backup is outside bytes: only files below
 * those names are taken, within the limits here.
 */
#ifndef KF_BACKUP_H
#define KF_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "controller/config/config.h"
#include "controller/ui/ui.h"

#define BACKUP_FILE_MAX	   (64u << 20)	 /* bytes of a file in it */
#define BACKUP_HISTORY_MAX (1024u << 20) /* of history.db */
#define BACKUP_TOTAL_MAX   (2048ull << 20)
#define BACKUP_ENTRIES	   100000

struct backup_sum {
	uint64_t files, bytes;
	uint64_t same; /* restore: files that were there already */
	bool history;
};

/* A new file; what is left out is told as notes.  KF_REASON_EXISTS, unless force. */
int backup_write(const struct config *cfg, struct ui *ui, const char *path, bool force,
		 struct backup_sum *ret, struct kf_error *err) _must_check_;
/*
 * All of it, or nothing: where a file is in the way that differs it is KF_REASON_EXISTS,
 * unless force, and a failure takes back what was changed.  What the backup has not
 * stays.
 */
int backup_restore(const struct config *cfg, const char *path, bool force,
		   struct backup_sum *ret, struct kf_error *err) _must_check_;

#endif
