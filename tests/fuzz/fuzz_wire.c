/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Envelopes: what is accepted holds its promises, and packed again it is accepted again
 * and gives the same bytes from then on.
 */
#include <assert.h>
#include <string.h>

#include "proto/frame.h"
#include "proto/limits.h"
#include "proto/text.h"
#include "proto/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A few promises, checked by other means than the validator's. */
static void check(const Kferry__Envelope *env)
{
	assert(strlen(wire_body_name(env)) > 0);
	if (env->body_case == KFERRY__ENVELOPE__BODY_FILE)
		assert(text_is_path(env->file->name, strlen(env->file->name)));
	if (env->body_case == KFERRY__ENVELOPE__BODY_NEED)
		for (uint32_t i = env->need->files; i < 8 * env->need->bitmap.len; i++)
			assert(!(env->need->bitmap.data[i / 8] >> (i % 8) & 1));
	if (env->body_case == KFERRY__ENVELOPE__BODY_ERROR)
		assert(!strchr(env->error->text, '\033'));
	if (env->body_case == KFERRY__ENVELOPE__BODY_ARM_REQUEST)
		assert(strlen(env->arm_request->slot) == 10);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_buf_ struct buf first = BUF_INIT, second = BUF_INIT;
	const Kferry__Envelope *env, *again;
	struct wire_arena a, b;
	int rc;

	assert(wire_arena_init(&a) == 0 && wire_arena_init(&b) == 0);
	rc = wire_unpack(&a, data, size, &env);
	assert(rc == 0 || rc == -EBADMSG || rc == -EMSGSIZE);
	if (rc == 0) {
		check(env);
		rc = wire_pack(&first, env);
		/* Merged fields can only shrink it; enums below 0 take ten bytes. */
		assert(rc == 0 || rc == -EMSGSIZE);
	}
	if (rc == 0) {
		rc = wire_unpack(&b, buf_data(&first) + FRAME_HEADER,
				 buf_len(&first) - FRAME_HEADER, &again);
		assert(rc == 0);
		assert(again->body_case == env->body_case && again->id == env->id);
		assert(wire_pack(&second, again) == 0);
		assert(buf_len(&first) == buf_len(&second));
		assert(memcmp(buf_data(&first), buf_data(&second), buf_len(&first)) == 0);
	}
	wire_arena_fini(&a);
	wire_arena_fini(&b);
	return 0;
}
