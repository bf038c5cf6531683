/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What both ways share; nobody else includes it. */
#ifndef KF_BACKUP_INTERNAL_H
#define KF_BACKUP_INTERNAL_H

#include "controller/backup/backup.h"

#define BACKUP_HEAD    "kferry-backup"
#define BACKUP_VERSION 1
#define BACKUP_HISTORY "history.db"
#define BACKUP_DEPTH   16	   /* directories below each other */
#define RESTORE_PREFIX ".restore-" /* of directories where a restore is made ready */

/* Is a path below the data directory none that a backup has? */
bool backup_skips(const char *path);
/* The directory of the user's config.ini; the caller's. */
char *backup_config_dir(const struct config *cfg);

#endif
