/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Envelopes: packing, unpacking into a fixed arena, and validation.
 *
 * wire_unpack() hands out only what wire_fault() finds no fault with: strings without NUL
 * bytes, control characters or overlength, names that are names, digests that have
 * 32 bytes, counts within limits.h.  No handler sees anything else.  wire_pack() refuses
 * the same, so that a mistake shows on the side that made it.
 *
 * Text for people is any UTF-8 without control characters; Error.text and Fact.value may
 * have '\n' and '\t'.  What comes from elsewhere goes through text_escape() first.
 */
#ifndef KF_WIRE_H
#define KF_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "kferry.pb-c.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"

/* Memory for one unpacked Envelope at a time: LIMIT_ARENA bytes, made once. */
struct wire_arena {
	uint8_t *mem;
	size_t used;
	const char *fault; /* the field that made the last wire_unpack() fail, or NULL */
};

int wire_arena_init(struct wire_arena *a) _must_check_;
void wire_arena_fini(struct wire_arena *a);

/*
 * Unpack and validate.  *ret lives in the arena until the next call.  -EBADMSG (malformed
 * or invalid), -EMSGSIZE (needs more than the arena).  An Envelope whose body this side
 * does not know is valid, with body_case KFERRY__ENVELOPE__BODY__NOT_SET.
 */
int wire_unpack(struct wire_arena *a, const void *data, size_t n,
		const Kferry__Envelope **ret) _must_check_;
/*
 * Append a CONTROL frame with env to out; -EMSGSIZE when it is over LIMIT_CONTROL,
 * -EINVAL when the other side would not take it (wire_fault() says why).
 */
int wire_pack(struct buf *out, const Kferry__Envelope *env) _must_check_;

/* The name of the first field that is not as it must be, NULL when all is well. */
const char *wire_fault(const Kferry__Envelope *env);
/* -EBADMSG when the bytes of an Envelope are malformed or have a string with a NUL. */
int wire_check_bytes(const void *data, size_t n) _must_check_;

enum wire_way { WIRE_BOTH, WIRE_TO_AGENT, WIRE_TO_CONTROLLER };
/* Who sends this kind; WIRE_BOTH for a kind that is not known. */
enum wire_way wire_way(const Kferry__Envelope *env);

/* "plan_request", ...: for logs and error texts. */
const char *wire_body_name(const Kferry__Envelope *env);

/* Fill *err from an Error message; the text is the sender's.  Returns the code. */
int wire_error(const Kferry__Error *e, struct kf_error *err);

#endif
