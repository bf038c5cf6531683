/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames: an 8-byte header and a payload, little endian.
 *
 *	u32 length    bytes of payload
 *	u8  type      FRAME_CONTROL, FRAME_DATA
 *	u8  flags     DATA: FRAME_END, FRAME_STDERR; CONTROL: none
 *	u16 reserved  0
 *
 * The decoder is an engine without I/O: bytes in, frames out.  The length is checked
 * against its type's maximum (limits.h) before anything is allocated for it.
 */
#ifndef KF_FRAME_H
#define KF_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"

#define FRAME_HEADER 8

enum frame_type { FRAME_CONTROL = 1, FRAME_DATA = 2 };

/* Flags of DATA: the last of this transfer; the bytes are a program's stderr. */
#define FRAME_END    0x01
#define FRAME_STDERR 0x02

struct frame {
	enum frame_type type;
	uint8_t flags;
	const uint8_t *payload; /* valid until the next call on the decoder */
	size_t len;
};

struct frame_decoder {
	struct buf in;
	size_t taken; /* bytes of the frame handed out last */
	int broken;   /* the error that ended it, for ever */
};

void frame_decoder_init(struct frame_decoder *d);
void frame_decoder_fini(struct frame_decoder *d);
/* Hand in bytes.  -EMSGSIZE or -EBADMSG as soon as a header is wrong; then for ever. */
int frame_feed(struct frame_decoder *d, const void *data, size_t n) _must_check_;
/* 1: *ret is a frame; 0: more bytes are needed; negative: broken. */
int frame_next(struct frame_decoder *d, struct frame *ret) _must_check_;

void frame_header(uint8_t dst[static FRAME_HEADER], enum frame_type type, uint8_t flags,
		  size_t len);
size_t frame_limit(enum frame_type type);

#endif
