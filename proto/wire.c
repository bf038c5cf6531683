// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Envelopes to bytes and back.
 *
 * Unpacking allocates from a fixed arena and nowhere else: two bytes on the wire can ask
 * for a whole structure, so the memory for one message is bounded here and not by the
 * sender.
 */
#include "proto/wire.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "proto/frame.h"
#include "proto/limits.h"
#include "proto/reason.h"

#define ARENA_ALIGN	((size_t)16)
#define ARENA_EXHAUSTED SIZE_MAX
#define ERRNO_MAX	4095

int wire_arena_init(struct wire_arena *a)
{
	uint8_t *mem = malloc(LIMIT_ARENA);

	if (!mem)
		return -ENOMEM;
	*a = (struct wire_arena){.mem = mem};
	return 0;
}

void wire_arena_fini(struct wire_arena *a)
{
	free(a->mem);
	*a = (struct wire_arena){0};
}

static void *arena_alloc(void *data, size_t n)
{
	struct wire_arena *a = data;
	size_t at = a->used;

	if (at == ARENA_EXHAUSTED || n > LIMIT_ARENA) {
		a->used = ARENA_EXHAUSTED;
		return NULL;
	}
	n = (n + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
	if (n > LIMIT_ARENA - at) {
		a->used = ARENA_EXHAUSTED;
		return NULL;
	}
	a->used = at + n;
	return a->mem + at;
}

static void arena_free(void *data, void *p)
{
	(void)data;
	(void)p;
}

int wire_unpack(struct wire_arena *a, const void *data, size_t n,
		const Kferry__Envelope **ret)
{
	static const uint8_t nothing[1];
	ProtobufCAllocator allocator = {arena_alloc, arena_free, a};
	const Kferry__Envelope *env;
	int rc;

	a->used = 0;
	a->fault = NULL;
	if (n > LIMIT_CONTROL)
		return -EMSGSIZE;
	rc = wire_check_bytes(data, n);
	if (rc < 0)
		return rc;
	env = kferry__envelope__unpack(&allocator, n, n ? data : nothing);
	if (!env)
		return a->used == ARENA_EXHAUSTED ? -EMSGSIZE : -EBADMSG;
	a->fault = wire_fault(env);
	if (a->fault)
		return -EBADMSG;
	*ret = env;
	return 0;
}

int wire_pack(struct buf *out, const Kferry__Envelope *env)
{
	uint8_t *at;
	size_t n;
	int rc;

	if (wire_fault(env))
		return -EINVAL;
	n = kferry__envelope__get_packed_size(env);
	if (n > LIMIT_CONTROL)
		return -EMSGSIZE;
	rc = buf_reserve(out, FRAME_HEADER + n, &at);
	if (rc < 0)
		return rc;
	frame_header(at, FRAME_CONTROL, 0, n);
	if (kferry__envelope__pack(env, at + FRAME_HEADER) != n)
		return -EINVAL;
	buf_commit(out, FRAME_HEADER + n);
	return 0;
}

const char *wire_body_name(const Kferry__Envelope *env)
{
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(
		&kferry__envelope__descriptor, (unsigned)env->body_case);

	return f ? f->name : "unknown";
}

int wire_error(const Kferry__Error *e, struct kf_error *err)
{
	int reason = e->reason <= INT_MAX ? (int)e->reason : KF_REASON_UNSPECIFIED;
	int code = -EREMOTEIO;

	if (e->error_number > 0 && e->error_number <= ERRNO_MAX)
		code = -(int)e->error_number;
	return kf_err(err, code, reason, "%s",
		      e->text && *e->text ? e->text : reason_text(reason));
}
