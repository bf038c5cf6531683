/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames: any slicing gives the same frames; wrong headers end the stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "proto/frame.h"
#include "proto/limits.h"

struct wanted {
	enum frame_type type;
	uint8_t flags;
	size_t len;
};

static const struct wanted stream[] = {
	{FRAME_CONTROL, 0, 5},	       {FRAME_DATA, 0, 0},
	{FRAME_DATA, FRAME_END, 300},  {FRAME_CONTROL, 0, 0},
	{FRAME_DATA, FRAME_STDERR, 1}, {FRAME_DATA, FRAME_STDERR | FRAME_END, 7},
};

static void append_frame(struct buf *b, const struct wanted *w)
{
	uint8_t *at;

	assert_int_equal(buf_reserve(b, FRAME_HEADER + w->len, &at), 0);
	frame_header(at, w->type, w->flags, w->len);
	memset(at + FRAME_HEADER, (int)w->len, w->len);
	buf_commit(b, FRAME_HEADER + w->len);
}

/* Take what is there; the frames must be those of stream[] from *at on. */
static int take(struct frame_decoder *d, size_t *at)
{
	struct frame f;
	int rc;

	while ((rc = frame_next(d, &f)) > 0) {
		const struct wanted *w = &stream[(*at)++];

		assert_true(*at <= ARRAY_SIZE(stream));
		assert_int_equal(f.type, w->type);
		assert_int_equal(f.flags, w->flags);
		assert_int_equal(f.len, w->len);
		for (size_t i = 0; i < f.len; i++)
			assert_int_equal(f.payload[i], (uint8_t)w->len);
	}
	return rc;
}

static void any_slicing_gives_the_same_frames(void **state)
{
	_buf_ struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stream); i++)
		append_frame(&b, &stream[i]);
	for (size_t slice = 1; slice <= buf_len(&b); slice++) {
		struct frame_decoder d;
		size_t frames = 0;

		frame_decoder_init(&d);
		for (size_t at = 0, n; at < buf_len(&b); at += n) {
			n = buf_len(&b) - at < slice ? buf_len(&b) - at : slice;
			assert_int_equal(frame_feed(&d, buf_data(&b) + at, n), 0);
			/* Not after each slice: frames may pile up. */
			if (at % 3 == 0)
				assert_int_equal(take(&d, &frames), 0);
		}
		assert_int_equal(take(&d, &frames), 0);
		assert_int_equal(frames, ARRAY_SIZE(stream));
		frame_decoder_fini(&d);
	}
}

static void the_largest_frames_pass(void **state)
{
	const struct wanted data = {FRAME_DATA, 0, LIMIT_DATA};
	_buf_ struct buf b = BUF_INIT;
	struct frame_decoder d;
	struct frame f;

	(void)state;
	append_frame(&b, &data);
	frame_decoder_init(&d);
	assert_int_equal(frame_feed(&d, buf_data(&b), buf_len(&b) - 1), 0);
	assert_int_equal(frame_next(&d, &f), 0);
	assert_int_equal(frame_feed(&d, buf_data(&b) + buf_len(&b) - 1, 1), 0);
	assert_int_equal(frame_next(&d, &f), 1);
	assert_int_equal(f.len, LIMIT_DATA);
	frame_decoder_fini(&d);
}

static void wrong_headers_end_the_stream(void **state)
{
	static const struct {
		uint8_t h[FRAME_HEADER];
		int code;
	} cases[] = {
		{{0, 0, 0, 0, 0, 0, 0, 0}, -EBADMSG},
		{{0, 0, 0, 0, 3, 0, 0, 0}, -EBADMSG},
		{{0, 0, 0, 0, FRAME_CONTROL, FRAME_END, 0, 0}, -EBADMSG},
		{{0, 0, 0, 0, FRAME_DATA, 4, 0, 0}, -EBADMSG},
		{{0, 0, 0, 0, FRAME_DATA, 0, 1, 0}, -EBADMSG},
		{{0, 0, 0, 0, FRAME_DATA, 0, 0, 1}, -EBADMSG},
		{{1, 0, 1, 0, FRAME_CONTROL, 0, 0, 0}, -EMSGSIZE},
		{{1, 0, 4, 0, FRAME_DATA, 0, 0, 0}, -EMSGSIZE},
		{{0xff, 0xff, 0xff, 0xff, FRAME_DATA, 0, 0, 0}, -EMSGSIZE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct wanted good = {FRAME_DATA, 0, 0};
		_buf_ struct buf b = BUF_INIT;
		struct frame_decoder d;
		struct frame f;

		frame_decoder_init(&d);
		assert_int_equal(frame_feed(&d, cases[i].h, FRAME_HEADER), cases[i].code);
		assert_int_equal(frame_next(&d, &f), cases[i].code);
		append_frame(&b, &good);
		assert_int_equal(frame_feed(&d, buf_data(&b), buf_len(&b)),
				 cases[i].code);
		assert_int_equal(frame_next(&d, &f), cases[i].code);
		frame_decoder_fini(&d);
	}
}

static void frames_before_a_wrong_one_are_handed_out(void **state)
{
	static const uint8_t wrong[FRAME_HEADER] = {9, 9, 9, 9, 9, 9, 9, 9};
	_buf_ struct buf b = BUF_INIT;
	struct frame_decoder d;
	struct frame f;

	(void)state;
	append_frame(&b, &stream[0]);
	assert_int_equal(buf_append(&b, wrong, sizeof(wrong)), 0);
	frame_decoder_init(&d);
	assert_int_equal(frame_feed(&d, buf_data(&b), buf_len(&b)), 0);
	assert_int_equal(frame_next(&d, &f), 1);
	assert_int_equal(f.len, stream[0].len);
	assert_int_equal(frame_next(&d, &f), -EBADMSG);
	frame_decoder_fini(&d);
}

static void a_long_frame_is_not_allocated_for_ahead(void **state)
{
	uint8_t h[FRAME_HEADER];
	struct frame_decoder d;
	struct frame f;

	(void)state;
	frame_header(h, FRAME_DATA, 0, LIMIT_DATA);
	frame_decoder_init(&d);
	assert_int_equal(frame_feed(&d, h, sizeof(h)), 0);
	assert_int_equal(frame_next(&d, &f), 0);
	assert_true(d.in.size < 4096);
	frame_decoder_fini(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_slicing_gives_the_same_frames),
		cmocka_unit_test(the_largest_frames_pass),
		cmocka_unit_test(wrong_headers_end_the_stream),
		cmocka_unit_test(frames_before_a_wrong_one_are_handed_out),
		cmocka_unit_test(a_long_frame_is_not_allocated_for_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
