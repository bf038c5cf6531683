/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoding frames as they come from a socket: pieces that end anywhere, 16 MiB of data
 * in large frames, and ten thousand small control frames.
 */
#include <string.h>

#include "proto/frame.h"
#include "tests/bench/measured.h"

#define SMALL	   10000
#define SMALL_SIZE 200
#define LARGE	   256
#define LARGE_SIZE ((size_t)64 << 10)
#define PIECE	   ((size_t)64 << 10)

static uint8_t *stream;
static size_t stream_len;
static uint64_t frames, bytes;

static void put(enum frame_type type, size_t len)
{
	frame_header(stream + stream_len, type, 0, len);
	memset(stream + stream_len + FRAME_HEADER, (int)(len & 0xff), len);
	stream_len += FRAME_HEADER + len;
}

void measured(void)
{
	struct frame_decoder d;
	struct frame f;

	frame_decoder_init(&d);
	/* Not a divisor of the frames' sizes, so that headers are cut, too. */
	for (size_t at = 0; at < stream_len; at += PIECE - 3) {
		size_t n = stream_len - at < PIECE - 3 ? stream_len - at : PIECE - 3;

		MUST(frame_feed(&d, stream + at, n) == 0);
		while (frame_next(&d, &f) == 1) {
			frames++;
			bytes += f.len;
		}
	}
	frame_decoder_fini(&d);
}

int main(void)
{
	stream = malloc(SMALL * (size_t)(FRAME_HEADER + SMALL_SIZE) +
			LARGE * (FRAME_HEADER + LARGE_SIZE));
	MUST(stream);
	for (int i = 0; i < SMALL; i++) {
		put(FRAME_CONTROL, SMALL_SIZE);
		if (i % (SMALL / LARGE) == 0 && i / (SMALL / LARGE) < LARGE)
			put(FRAME_DATA, LARGE_SIZE);
	}
	measured();
	MUST(frames == SMALL + LARGE);
	MUST(bytes == SMALL * (size_t)SMALL_SIZE + LARGE * LARGE_SIZE);
	free(stream);
	return 0;
}
