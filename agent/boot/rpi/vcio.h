/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reboot flags of the Raspberry Pi's firmware, through the mailbox device of the
 * downstream kernel (/dev/vcio, CONFIG_BCM_VCIO).
 *
 * In a scratch root, and on a board whose device tree says VCIO_MODEL (the tests' model
 * of the firmware), /dev/vcio may be a regular file with the flags as a digit; never on
 * one that says "raspberrypi,", as each real one does.
 */
#ifndef KF_VCIO_H
#define KF_VCIO_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/agent.h"

#define VCIO_MODEL   "kferry,rpi-model"
#define VCIO_TRYBOOT 1u /* bit 0 of the reboot flags: tryboot.txt, once */

struct vcio {
	int fd;
	bool file;
};

/* -ENOENT: this kernel has no mailbox device. */
int vcio_open(const struct agent *a, struct vcio *ret) _must_check_;
void vcio_close(struct vcio *v);
#define _vcio_ _cleanup_(vcio_close)

/* -ENOTSUP: the firmware does not know the tag. */
int vcio_flags(const struct vcio *v, uint32_t *ret) _must_check_;
/* Set them and read them back; -EIO when they read differently. */
int vcio_set_flags(const struct vcio *v, uint32_t flags) _must_check_;

#endif
