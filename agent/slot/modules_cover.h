/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A place for links in /lib/modules where its file system is read-only. */
#ifndef KF_MODULES_COVER_H
#define KF_MODULES_COVER_H

#include "agent/agent.h"

#define MODULES_DIR "/lib/modules"

/*
 * For this boot only: /lib/modules becomes a directory in /run with a link for each name
 * that it had, and what it held stays reachable behind those links.  Nothing is written
 * to its file system, and until the last step nothing has changed.  Not an overlay: those
 * take no directory of an ext4 with case folding, which /home of some systems is.
 *
 * Needs CAP_SYS_ADMIN, and mounts that others see.  Negative errno.
 */
int modules_cover(const struct agent *a) _must_check_;

#endif
