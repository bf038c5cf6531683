/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk's own partition table: who one of its partitions is.  For boards without udev,
 * and kernels that do not tell (GPT: UEFI 2.10, 5.3; the MBR: 5.2).
 */
#ifndef KF_PARTTABLE_H
#define KF_PARTTABLE_H

#include "agent/boot/blockdev.h"

/*
 * Fill in gpt, id and esp of a partition whose number, start and size the kernel has
 * told; block is the disk's logical block size in bytes.  -ENODATA: the table has no such
 * partition; -EBADMSG: it is damaged, or describes another one.
 */
int parttable_identify(int disk, uint64_t block, struct partition *p) _must_check_;

#endif
