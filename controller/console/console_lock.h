/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who has a console, among this user's programs of ours: a locked file in the directory
 * of session_place.h, which says in words who holds it.  The file stays; the lock goes
 * with its descriptor, and so with the program.
 */
#ifndef KF_CONSOLE_LOCK_H
#define KF_CONSOLE_LOCK_H

#include "controller/console/console_spec.h"

/* The descriptor that holds it.  KF_REASON_BUSY, -EBUSY: who has it. */
int console_lock(const struct console_spec *spec, const char *who,
		 struct kf_error *err) _must_check_;

#endif
