/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The variables of the firmware's boot manager (UEFI 2.10, 3.1): BootOrder, BootNext and
 * those Boot#### that are ours, told by the file that they start:
 * \EFI\kferry\<slot>\linux.efi.  Read once; each change is written at once and kept up
 * with.  All functions return 0 or a negative errno.
 */
#ifndef KF_EFIBOOT_H
#define KF_EFIBOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/slot/state.h"
#include "proto/base/cleanup.h"
#include "proto/limits.h"

#define EFIBOOT_DIR   "EFI/kferry" /* on the ESP */
#define EFIBOOT_IMAGE "linux.efi"
#define EFIBOOT_PATH  64 /* bytes of a path on it, of either kind */
#define EFIBOOT_OURS  64
#define EFIBOOT_ORDER 512
#define EFIBOOT_VAR   48 /* bytes of a variable's file name */

struct efiboot {
	int vars; /* borrowed */
	struct {
		uint16_t number;
		char slot[SLOT_ID_SIZE];
	} ours[EFIBOOT_OURS];
	size_t n_ours;
	uint16_t order[EFIBOOT_ORDER];
	size_t n_order;
	int next; /* BootNext, -1: not set */
};

int efiboot_load(int vars, struct efiboot *ret) _must_check_;
void efiboot_var(uint16_t number, char dst[static EFIBOOT_VAR]);

/* The slot of one of our entries, NULL: not ours. */
const char *efiboot_slot(const struct efiboot *b, int number);
bool efiboot_in_order(const struct efiboot *b, uint16_t number);
/* Our entry that comes first in BootOrder, -1: what comes first is not ours. */
int efiboot_default(const struct efiboot *b);

/* Make the slot's entry have this value; written only if it has not. */
int efiboot_put(struct efiboot *b, const char *slot, const void *data, size_t n,
		uint16_t *ret_number) _must_check_;
int efiboot_set_next(struct efiboot *b, uint16_t number) _must_check_;
int efiboot_clear_next(struct efiboot *b) _must_check_;
/* BootOrder: front (-1: nothing) and then all that was in it and is not ours. */
int efiboot_set_order(struct efiboot *b, int front) _must_check_;
/* Delete our entries but those of BootNext and keep (-1: none); of slot only, or of all
 * (NULL). */
int efiboot_prune(struct efiboot *b, const char *slot, int keep) _must_check_;
/* How many crash records of the kernel take up room among the variables. */
unsigned efiboot_dumps(int vars);

#endif
