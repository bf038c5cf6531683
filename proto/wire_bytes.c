// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The raw bytes of an Envelope, walked by its descriptors before they are unpacked.
 *
 * protobuf-c hands strings out as C strings, so a NUL inside one cannot be seen after
 * unpacking.  The walk is at least as strict as the library in all it looks at, and its
 * depth has an end.
 */
#include <stdbool.h>
#include <string.h>

#include "proto/wire.h"

/* Far more than the schema nests (a test measures it), and no recursion without an end.
 */
#define DEPTH_MAX	 8
#define FIELD_ID_MAX	 ((UINT64_C(1) << 29) - 1)
#define TAG_BYTES	 5
#define LEN_BYTES	 5
#define VARINT_BYTES	 10
#define WIRE_TYPE_VARINT 0
#define WIRE_TYPE_64	 1
#define WIRE_TYPE_LEN	 2
#define WIRE_TYPE_32	 5

struct raw {
	const uint8_t *p;
	size_t n;
};

static bool raw_skip(struct raw *r, size_t n)
{
	if (n > r->n)
		return false;
	r->p += n;
	r->n -= n;
	return true;
}

static bool raw_varint(struct raw *r, unsigned max_bytes, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < max_bytes && i < r->n; i++) {
		v |= (uint64_t)(r->p[i] & 0x7f) << (7 * i);
		if (!(r->p[i] & 0x80)) {
			*ret = v;
			return raw_skip(r, i + 1);
		}
	}
	return false;
}

static bool check_message(const ProtobufCMessageDescriptor *d, struct raw r,
			  unsigned depth);

static bool check_bytes(const ProtobufCFieldDescriptor *f, struct raw r, unsigned depth)
{
	if (!f)
		return true;
	if (f->type == PROTOBUF_C_TYPE_STRING)
		return r.n == 0 || !memchr(r.p, 0, r.n);
	if (f->type == PROTOBUF_C_TYPE_MESSAGE)
		return check_message(f->descriptor, r, depth + 1);
	return true;
}

static bool check_field(const ProtobufCMessageDescriptor *d, struct raw *r,
			unsigned depth)
{
	const ProtobufCFieldDescriptor *f;
	uint64_t tag, len;

	if (!raw_varint(r, TAG_BYTES, &tag) || tag >> 3 == 0 || tag >> 3 > FIELD_ID_MAX)
		return false;
	switch (tag & 7) {
	case WIRE_TYPE_VARINT:
		return raw_varint(r, VARINT_BYTES, &len);
	case WIRE_TYPE_64:
		return raw_skip(r, 8);
	case WIRE_TYPE_32:
		return raw_skip(r, 4);
	case WIRE_TYPE_LEN:
		break;
	default:
		return false;
	}
	if (!raw_varint(r, LEN_BYTES, &len) || len > r->n)
		return false;
	f = protobuf_c_message_descriptor_get_field(d, (unsigned)(tag >> 3));
	return check_bytes(f, (struct raw){r->p, (size_t)len}, depth) &&
	       raw_skip(r, (size_t)len);
}

static bool check_message(const ProtobufCMessageDescriptor *d, struct raw r,
			  unsigned depth)
{
	if (depth > DEPTH_MAX)
		return false;
	while (r.n)
		if (!check_field(d, &r, depth))
			return false;
	return true;
}

int wire_check_bytes(const void *data, size_t n)
{
	struct raw r = {data, n};

	return check_message(&kferry__envelope__descriptor, r, 0) ? 0 : -EBADMSG;
}
