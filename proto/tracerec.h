/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `kferryd trace` writes to its standard output, as records:
 *
 *	u8  type                              little endian
 *	u8  0, u16 0
 *	u32 length   of what follows, at most LIMIT_TRACE_RECORD
 *	...          FAILED: u32 reason, text
 *	             END: u64 lost, u32 status, u32 flags; nothing comes behind it
 *	             else bytes
 */
#ifndef KF_TRACEREC_H
#define KF_TRACEREC_H

#include "proto/base/buf.h"
#include "proto/base/err.h"

enum tracerec_type {
	TRACEREC_NOTHING,
	TRACEREC_STARTED, /* what is set is set: a text about where */
	TRACEREC_TEXT,	  /* of the trace, or of a list; a record may end anywhere */
	TRACEREC_OUT,	  /* of the command */
	TRACEREC_ERR,
	TRACEREC_NOTE,	 /* one line, for a person */
	TRACEREC_FAILED, /* reason and text; END does not come */
	TRACEREC_END,
};

#define TRACEREC_COMMAND (1u << 0) /* status is the command's */
#define TRACEREC_COUNTED (1u << 1) /* lost is known */

struct tracerec {
	enum tracerec_type type;
	const char *data; /* until buf_consume(used) */
	size_t len;
	uint32_t reason;	/* FAILED */
	uint64_t lost;		/* END: events that the kernel had no room for */
	uint32_t status, flags; /* END */
	size_t used;		/* bytes that it took */
};

/* At most LIMIT_TRACE_RECORD bytes. */
int tracerec_put(struct buf *b, enum tracerec_type type, const void *data,
		 size_t n) _must_check_;
int tracerec_put_failed(struct buf *b, const struct kf_error *err) _must_check_;
int tracerec_put_end(struct buf *b, uint64_t lost, uint32_t status,
		     uint32_t flags) _must_check_;
/* The first record of b, TRACEREC_NOTHING if it is not whole yet.  -EBADMSG. */
int tracerec_next(const struct buf *b, struct tracerec *ret) _must_check_;

#endif
