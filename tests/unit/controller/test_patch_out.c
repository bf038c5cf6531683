/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which patches are worth sending. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/deploy/patch_out.h"
#include "proto/base/fs.h"

#define SIZE ((size_t)3 * 1024 * 1024 + 17)

static void fill(uint8_t *p, size_t n, unsigned seed, uint8_t mask)
{
	uint64_t x = seed;

	for (size_t i = 0; i < n; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		p[i] = (uint8_t)(x >> 56) & mask;
	}
}

static struct patch_side side(const void *data, size_t n)
{
	struct patch_side s = {.fd = -1, .mem = data, .size = n};

	digest_bytes(data, n, &s.digest);
	return s;
}

static void a_changed_file_is(void **state)
{
	_free_ uint8_t *old = malloc(SIZE), *new = malloc(SIZE);
	_buf_ struct buf out = BUF_INIT;
	struct patch_side base, file;

	(void)state;
	fill(old, SIZE, 1, 0xff);
	memcpy(new, old, SIZE);
	memcpy(new + 1000000, "changed", 7);
	base = side(old, SIZE);
	file = side(new, SIZE);
	assert_int_equal(patch_out(&base, &file, &out), 1);
	assert_true(patch_is(buf_data(&out), buf_len(&out)));
	assert_true(buf_len(&out) < 400);
}

static void one_with_nothing_in_common_is_not(void **state)
{
	static const uint8_t masks[] = {0xff, 0x3f};
	_free_ uint8_t *old = malloc(SIZE), *new = malloc(SIZE);

	(void)state;
	for (size_t i = 0; i < sizeof(masks); i++) {
		_buf_ struct buf out = BUF_INIT;
		struct patch_side base, file;

		fill(old, SIZE, 1, masks[i]);
		fill(new, SIZE, 2, masks[i]);
		base = side(old, SIZE);
		file = side(new, SIZE);
		assert_int_equal(patch_out(&base, &file, &out), 0);
		/* What does not compress at all is not even tried to the end. */
		if (masks[i] == 0xff)
			assert_true(buf_len(&out) < SIZE * 3 / 4);
	}
}

static void zeros_are_small_either_way(void **state)
{
	_free_ uint8_t *new = calloc(1, SIZE), *old = malloc(SIZE);
	_buf_ struct buf out = BUF_INIT;
	struct patch_side base, file;

	(void)state;
	fill(old, SIZE, 1, 0xff);
	base = side(old, SIZE);
	file = side(new, SIZE);
	/* Either way: so small that it does not matter. */
	assert_true(patch_out(&base, &file, &out) >= 0);
	assert_true(buf_len(&out) < 2000);
}

static void without_a_base_it_is_what_zstd_makes(void **state)
{
	_free_ uint8_t *new = malloc(SIZE);
	_buf_ struct buf out = BUF_INIT;
	struct patch_side file;

	(void)state;
	memset(new, 'x', SIZE);
	file = side(new, SIZE);
	assert_int_equal(patch_out(NULL, &file, &out), 1);
	assert_true(buf_len(&out) < 2000);
}

static void a_file_that_changed_meanwhile_is_found_out(void **state)
{
	_free_ uint8_t *old = malloc(SIZE), *new = malloc(SIZE);
	_buf_ struct buf out = BUF_INIT;
	char path[] = "/tmp/kf-patch-out-XXXXXX";
	struct patch_side base, file;
	_close_ int fd = mkostemp(path, O_CLOEXEC);

	(void)state;
	fill(old, SIZE, 1, 0xff);
	memcpy(new, old, SIZE);
	base = side(old, SIZE);
	file = side(new, SIZE);
	new[5] ^= 1;
	assert_int_equal(patch_out(&base, &file, &out), -ESTALE);
	/* Shorter than it was. */
	assert_int_equal(fs_write_all(fd, old, SIZE / 2), 0);
	file = side(old, SIZE);
	file.fd = fd;
	assert_int_equal(patch_out(&base, &file, &out), -ESTALE);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_changed_file_is),
		cmocka_unit_test(one_with_nothing_in_common_is_not),
		cmocka_unit_test(zeros_are_small_either_way),
		cmocka_unit_test(without_a_base_it_is_what_zstd_makes),
		cmocka_unit_test(a_file_that_changed_meanwhile_is_found_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
