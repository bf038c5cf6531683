/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A slot on the firmware's FAT, in the layout that os_prefix=kferry/<slot>/ wants:
 *
 *	kernel8.img (arm64) or kernel7l.img, initramfs8 or initramfs7l
 *	<soc>*.dtb             the device trees of the board's processor
 *	overlays/              only where the slot brings overlays
 *	cmdline.txt            the entry: written last
 *
 * The names are those of a board's own files in the root of the FAT: a firmware that
 * takes the prefix for not viable starts the board's own kernel, not nothing.
 */
#ifndef KF_RPISLOT_H
#define KF_RPISLOT_H

#include "agent/boot/rpi/rpiboard.h"
#include "agent/boot/rpi/rpicfg.h"
#include "agent/slot/slot.h"

#define RPISLOT_ENTRY "cmdline.txt"

int rpislot_stage(const struct rpiboard *b, const struct slot *s, int initrd_fd,
		  struct kf_error *err) _must_check_;
/* Would the firmware take the prefix for viable: are kernel and device tree there?  Fills
 * *ret, but for watchdog_s; its strings are constants, and slot. */
int rpislot_check(const struct rpiboard *b, const char *slot, struct rpicfg_start *ret,
		  struct kf_error *err) _must_check_;
/* The initramfs of a slot, NULL: none. */
const char *rpislot_initramfs(const struct fatdir *fat, const char *slot);

#endif
