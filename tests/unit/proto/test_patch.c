/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Patches: what is made is applied to the same bytes, and nothing else is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/patch.h"

#define ENTRY (PATCH_HEAD + 16) /* where the first frame begins */

static uint64_t seed;

static uint8_t next_byte(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint8_t)(seed >> 56);
}

/* As hard to compress as machine code: random bytes of a small alphabet. */
static uint8_t *make_file(size_t n, uint64_t start)
{
	uint8_t *p = malloc(n + 1);

	assert_non_null(p);
	seed = start;
	for (size_t i = 0; i < n; i++)
		p[i] = next_byte() & 0x3f;
	return p;
}

static void make(const uint8_t *base, size_t base_n, const uint8_t *file, size_t n,
		 struct buf *out)
{
	struct patch_head head = {.base_size = base_n, .size = n};
	struct patch_maker *m;
	struct patch_part p;

	digest_bytes(base, base_n, &head.base);
	assert_int_equal(patch_maker_new(&head, out, &m), 0);
	while (patch_maker_next(m, &p)) {
		assert_true(p.at + p.len <= n && p.len <= LIMIT_PATCH_BLOCK);
		assert_true(p.base_at + p.base_len <= base_n);
		assert_true(p.base_len <= LIMIT_PATCH_WINDOW);
		assert_int_equal(patch_maker_put(m, base + p.base_at, file + p.at, out),
				 0);
	}
	patch_maker_free(m);
}

/* The patch comes in pieces of `slice`. -ENODATA: it has no end. */
static int apply(const struct buf *patch, const uint8_t *base, size_t base_n,
		 size_t slice, struct buf *out)
{
	const uint8_t *data = buf_data(patch);
	size_t left = buf_len(patch), n = 0, used = 0;
	struct patch_event ev;
	struct patch_reader *r;
	int rc;

	assert_int_equal(patch_reader_new(&r), 0);
	for (;;) {
		rc = patch_reader_step(r, data, n, &used, &ev);
		if (rc < 0)
			break;
		if (ev.type == PATCH_MORE) {
			assert_int_equal(used, n);
			data += n;
			left -= n;
			n = left < slice ? left : slice;
			used = 0;
			if (n == 0)
				rc = -ENODATA;
			if (n == 0)
				break;
		} else if (ev.type == PATCH_BASE) {
			assert_true(ev.at + ev.len <= base_n);
			memcpy(ev.room, base + ev.at, ev.len);
		} else if (ev.type == PATCH_DATA) {
			assert_int_equal(buf_append(out, ev.data, ev.len), 0);
		} else if (ev.type == PATCH_END) {
			break;
		}
	}
	if (rc == -EBADMSG) {
		struct patch_event again;

		used = n;
		assert_int_equal(patch_reader_step(r, data, n, &used, &again), -EBADMSG);
	}
	patch_reader_free(r);
	return rc;
}

static size_t round_trip(const uint8_t *base, size_t base_n, const uint8_t *file,
			 size_t n)
{
	static const size_t slices[] = {1u << 30, 4096, 7};
	_buf_ struct buf patch = BUF_INIT;

	make(base, base_n, file, n, &patch);
	assert_true(patch_is(buf_data(&patch), buf_len(&patch)));
	for (size_t i = 0; i < ARRAY_SIZE(slices); i++) {
		_buf_ struct buf out = BUF_INIT;

		assert_int_equal(apply(&patch, base, base_n, slices[i], &out), 0);
		assert_int_equal(buf_len(&out), n);
		if (n > 0)
			assert_memory_equal(buf_data(&out), file, n);
	}
	return buf_len(&patch);
}

static void a_small_change_gives_a_small_patch(void **state)
{
	const size_t n = 3500000;
	_free_ uint8_t *base = make_file(n, 1), *file = make_file(n, 1);

	(void)state;
	assert_true(round_trip(base, n, file, n) < 200);
	memcpy(file + 1500000, "changed", 7);
	assert_true(round_trip(base, n, file, n) < 400);
	/* Shifted from there on. */
	memmove(file + 700000, file + 700000 - 40, n - 700000);
	assert_true(round_trip(base, n, file, n) < 600);
}

static void what_was_put_in_or_taken_out_does_not_matter(void **state)
{
	const size_t n = 8000000, more = 3000000;
	_free_ uint8_t *base = make_file(n, 2), *longer = malloc(n + more);
	_free_ uint8_t *added = make_file(more, 3);
	size_t whole;

	(void)state;
	assert_non_null(longer);
	memcpy(longer, base, 2000000);
	memcpy(longer + 2000000, added, more);
	memcpy(longer + 2000000 + more, base + 2000000, n - 2000000);
	whole = round_trip(base, 0, added, more);
	assert_true(round_trip(base, n, longer, n + more) < whole + whole / 2);
	assert_true(round_trip(longer, n + more, base, n) < whole / 2);
}

static void odd_sizes_work(void **state)
{
	static const size_t sizes[] = {0,
				       1,
				       1000,
				       LIMIT_PATCH_BLOCK - 1,
				       LIMIT_PATCH_BLOCK,
				       LIMIT_PATCH_BLOCK + 1,
				       2 * LIMIT_PATCH_BLOCK};
	_free_ uint8_t *base = make_file(2 * LIMIT_PATCH_BLOCK, 4);
	_free_ uint8_t *file = make_file(2 * LIMIT_PATCH_BLOCK, 5);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (size_t j = 0; j < ARRAY_SIZE(sizes); j++)
			round_trip(base, sizes[i], j % 2 ? file : base, sizes[j]);
}

/* One patch of three blocks, and what it is made from. */
struct sample {
	uint8_t *base, *file;
	size_t n;
	struct buf patch;
};

static void sample_init(struct sample *s)
{
	*s = (struct sample){.n = 2 * LIMIT_PATCH_BLOCK + 5000};
	s->base = make_file(s->n, 6);
	s->file = make_file(s->n, 6);
	for (size_t i = 0; i < s->n; i += 100000)
		s->file[i] ^= 1;
	make(s->base, s->n, s->file, s->n, &s->patch);
}

static void sample_fini(struct sample *s)
{
	free(s->base);
	free(s->file);
	buf_fini(&s->patch);
}

static int apply_sample(const struct sample *s)
{
	_buf_ struct buf out = BUF_INIT;

	return apply(&s->patch, s->base, s->n, 1u << 30, &out);
}

static void a_truncated_one_has_no_end(void **state)
{
	struct sample s;
	size_t n;

	(void)state;
	sample_init(&s);
	n = buf_len(&s.patch);
	for (size_t cut = 1; cut <= n; cut += cut < 200 ? 1 : n / 50) {
		s.patch.end = s.patch.start + n - cut;
		assert_int_equal(apply_sample(&s), -ENODATA);
	}
	sample_fini(&s);
}

static void bytes_after_the_end_are_refused(void **state)
{
	struct sample s;

	(void)state;
	sample_init(&s);
	assert_int_equal(buf_append(&s.patch, "", 1), 0);
	assert_int_equal(apply_sample(&s), -EBADMSG);
	sample_fini(&s);
}

static void set32(struct sample *s, size_t at, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		s->patch.data[s->patch.start + at + i] = (uint8_t)(v >> 8 * i);
}

static void check_refused(size_t at, uint32_t value)
{
	struct sample s;

	sample_init(&s);
	assert_int_equal(apply_sample(&s), 0);
	set32(&s, at, value);
	assert_int_equal(apply_sample(&s), -EBADMSG);
	sample_fini(&s);
}

static void what_is_out_of_bounds_is_refused(void **state)
{
	(void)state;
	check_refused(0, 0);		       /* the magic */
	check_refused(8, 0);		       /* no block at all */
	check_refused(8, 0x80000000);	       /* larger than allowed */
	check_refused(8, 4096);		       /* not what the frames have */
	check_refused(12, 1);		       /* reserved */
	check_refused(20, 2);		       /* the base, with its 2^33 bytes */
	check_refused(28, 2);		       /* the file likewise */
	check_refused(PATCH_HEAD, 0x7fffffff); /* a window beyond the base */
	check_refused(PATCH_HEAD + 4, 1);
	check_refused(PATCH_HEAD + 8, LIMIT_PATCH_WINDOW + 1);
	check_refused(PATCH_HEAD + 8, 0xffffffff);
	check_refused(PATCH_HEAD + 12, 0xffffffff); /* a frame */
	check_refused(PATCH_HEAD + 12, 0);	    /* the window is no block */
	check_refused(PATCH_HEAD + 12, 3);
	check_refused(ENTRY, 0);	  /* zstd's magic */
	check_refused(ENTRY, 0x184d2a50); /* a skippable frame */
}

static void an_altered_one_gives_as_many_bytes_or_none(void **state)
{
	struct sample s;
	size_t n;

	(void)state;
	sample_init(&s);
	n = buf_len(&s.patch);
	for (size_t at = 0; at < n; at += 1 + n / 400) {
		_buf_ struct buf out = BUF_INIT;
		uint8_t *p = s.patch.data + s.patch.start + at;
		int rc;

		/* The digest of the base is the reader's business. */
		if (at >= 32 && at < PATCH_HEAD)
			continue;
		*p ^= 0x10;
		rc = apply(&s.patch, s.base, s.n, 1u << 30, &out);
		if (rc == 0)
			assert_int_equal(buf_len(&out), s.n);
		else
			assert_true(rc == -EBADMSG || rc == -ENODATA);
		*p ^= 0x10;
	}
	assert_int_equal(apply_sample(&s), 0);
	sample_fini(&s);
}

static void another_base_gives_other_bytes(void **state)
{
	_buf_ struct buf out = BUF_INIT;
	struct sample s;
	int rc;

	(void)state;
	sample_init(&s);
	s.base[1000] ^= 4;
	rc = apply(&s.patch, s.base, s.n, 1u << 30, &out);
	if (rc == 0)
		assert_memory_not_equal(buf_data(&out), s.file, s.n);
	sample_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_change_gives_a_small_patch),
		cmocka_unit_test(what_was_put_in_or_taken_out_does_not_matter),
		cmocka_unit_test(odd_sizes_work),
		cmocka_unit_test(a_truncated_one_has_no_end),
		cmocka_unit_test(bytes_after_the_end_are_refused),
		cmocka_unit_test(what_is_out_of_bounds_is_refused),
		cmocka_unit_test(an_altered_one_gives_as_many_bytes_or_none),
		cmocka_unit_test(another_base_gives_other_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
