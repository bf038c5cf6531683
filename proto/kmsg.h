/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records of /dev/kmsg, as Documentation/ABI/testing/dev-kmsg describes them:
 * "prio,seq,usec,flags[,more];text\n" and " KEY=value\n" lines after it.  Unknown
 * comma fields are skipped.
 */
#ifndef KF_KMSG_H
#define KF_KMSG_H

#include <stddef.h>
#include <stdint.h>

struct kmsg_record {
	unsigned level;	   /* 0 emerg .. 7 debug */
	unsigned facility; /* 0: the kernel itself */
	uint64_t seq;
	uint64_t usec;
	const char *text; /* into the bytes given, not terminated; \xNN as the kernel
			     wrote them */
	size_t text_len;
};

/* n bytes of one record, its continuation lines included.  0 or -EBADMSG. */
int kmsg_parse(const char *data, size_t n, struct kmsg_record *ret);
/* Length of the first whole record in a stream (with continuation lines), 0 if none is
 * whole yet: a record is whole when the next line that does not begin with ' ' has begun.
 * `end`: no more comes. */
size_t kmsg_record_len(const char *data, size_t n, int end);

#endif
