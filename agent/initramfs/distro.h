/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The initramfs by the distribution's own generator: initramfs-tools, dracut, mkinitcpio
 * or booster.
 *
 * Generators look for modules in /lib/modules/<release> and for the kernel's
 * configuration in /boot, where a slot that does not run must not be.  The generator
 * therefore runs in a mount namespace of its own, in which /lib/modules holds the slot's
 * modules and nothing else, and /boot its configuration.  In a scratch root there is no
 * namespace, and the generator is the scratch root's.
 */
#ifndef KF_DISTRO_H
#define KF_DISTRO_H

#include <stdatomic.h>

#include "agent/slot/slot.h"

/* The name of the generator that the board has, or NULL. */
const char *distro_generator(const struct agent *a);
/* Write s->fd:name.  Takes minutes on a small board; given up after ten. */
int distro_make(const struct agent *a, const struct slot *s, const char *name,
		const atomic_bool *cancel, struct kf_error *err) _must_check_;

#endif
