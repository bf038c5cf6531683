/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's netconsole: from datagrams to lines as dmesg prints them, without I/O.
 *
 * Basic: the text itself, a long line in several datagrams.  Extended: a header as that
 * of /dev/kmsg, "6,444,501151268,-;text\n", with the kernel's release in front of it
 * where that is asked for, and lines " KEY=value" behind; a long record comes in
 * fragments that say where they belong ("ncfrag=0/1024").  Datagrams get lost and may
 * come in any order: what is missing of a record is missing, and nothing waits for it.
 */
#ifndef KF_NETCONSOLE_H
#define KF_NETCONSOLE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/buf.h"

#define NETCONSOLE_RECORD_MAX 8192u /* the kernel's records are no longer */

struct netconsole {
	bool open;    /* a record of which not all is there */
	uint64_t seq; /* its number */
	size_t next;  /* the offset of the fragment that comes next */
	bool in_line; /* text went out whose line has not ended */
};

/* One datagram; what it says is appended to out. */
int netconsole_feed(struct netconsole *n, const void *data, size_t size,
		    struct buf *out) _must_check_;

#endif
