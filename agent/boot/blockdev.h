/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block devices as firmware and boot loaders see them: what lies between a file system
 * and the disk, and where a partition is.  Read from /sys/dev/block/<major>:<minor>/ and
 * udev's records in /run/udev/data/, below a->root; where neither tells a partition's id
 * it is read from the disk.
 */
#ifndef KF_BLOCKDEV_H
#define KF_BLOCKDEV_H

#include <stdbool.h>

#include "agent/agent.h"

/* "device mapper (LVM, LUKS, multipath)", "MD RAID", "bcache", "a loop device"; NULL: a
 * disk, a partition of one, or no device of its own (major 0). */
const char *blockdev_layer(const struct agent *a, unsigned major, unsigned minor);

struct partition {
	uint32_t number;
	uint64_t start, size; /* in the disk's logical blocks */
	bool gpt;	      /* else an MBR */
	uint8_t id[16];	      /* as a device path has it: the GPT's GUID, mixed-endian; of
				 an MBR its signature in the first four bytes */
	bool esp;	      /* GPT type c12a7328-..., MBR type 0xef; true if not told */
};

/* -ENOENT: no partition; -ENODATA: it has no id that is known; -EBADMSG: the disk's table
 * is damaged. */
int blockdev_partition(const struct agent *a, unsigned major, unsigned minor,
		       struct partition *ret) _must_check_;

#endif
