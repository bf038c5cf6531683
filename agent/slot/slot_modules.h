/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link /lib/modules/<release> -> a slot's modules, besides slot_show_modules(). */
#ifndef KF_SLOT_MODULES_H
#define KF_SLOT_MODULES_H

#include "agent/slot/slot.h"

/* At install: make the link only where nothing stands yet.  Not being able to is no
 * error here, the early-boot step will try again: it is logged.  On a read-only root only
 * that step does it. */
void slot_offer_modules(const struct agent *a, const struct slot *s);
/* Whose modules stand at /lib/modules/<release>, by looking: "" when they are no slot's.
 */
void slot_modules_at(const struct agent *a, const char *release, char id[SLOT_ID_SIZE]);
/* Remove every link that leads into slot id. */
void slot_forget_modules(const struct agent *a, const char *id);

#endif
