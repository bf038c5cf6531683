/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Digests: a known answer, pieces against the whole, files, hex. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>

#include "proto/digest.h"

/* BLAKE2b-256 of "abc". */
static const char abc_hex[] =
	"bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319";

static void abc_has_the_known_digest(void **state)
{
	char hex[DIGEST_HEX];
	struct digest d;

	(void)state;
	digest_bytes("abc", 3, &d);
	digest_hex(&d, hex);
	assert_string_equal(hex, abc_hex);
}

static void pieces_equal_the_whole(void **state)
{
	uint8_t data[1000];
	struct digest whole, pieces;
	struct digest_ctx *c;
	char *room;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	digest_bytes(data, sizeof(data), &whole);
	/* A context may lie at any address. */
	room = malloc(sizeof(*c) + 64);
	assert_non_null(room);
	for (size_t offset = 0; offset < 64; offset += 9) {
		c = (struct digest_ctx *)(room + offset);
		digest_init(c);
		for (size_t i = 0, n = 0; i < sizeof(data); i += n, n = 1 + i % 37) {
			if (n > sizeof(data) - i)
				n = sizeof(data) - i;
			digest_update(c, data + i, n);
		}
		digest_final(c, &pieces);
		assert_true(digest_equal(&whole, &pieces));
	}
	free(room);
	data[999] ^= 1;
	digest_bytes(data, sizeof(data), &pieces);
	assert_false(digest_equal(&whole, &pieces));
}

static void a_file_is_read_from_where_it_stands(void **state)
{
	_close_ int fd = memfd_create("digest", MFD_CLOEXEC);
	struct digest d, want;
	uint64_t size = 99;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "xxabc", 5), 5);
	assert_int_equal(lseek(fd, 2, SEEK_SET), 2);
	assert_int_equal(digest_fd(fd, &d, &size), 0);
	digest_bytes("abc", 3, &want);
	assert_true(digest_equal(&d, &want));
	assert_int_equal(size, 3);
	assert_int_equal(digest_fd(-1, &d, &size), -EBADF);
	assert_int_equal(size, 3);
}

static void hex_is_exact(void **state)
{
	char upper[] = "BDdd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319";
	struct digest d, want;

	(void)state;
	digest_bytes("abc", 3, &want);
	assert_int_equal(digest_parse(abc_hex, 64, &d), 0);
	assert_true(digest_equal(&d, &want));
	assert_int_equal(digest_parse(abc_hex, 63, &d), -EINVAL);
	assert_int_equal(digest_parse(abc_hex, 0, &d), -EINVAL);
	assert_int_equal(digest_parse(upper, 64, &d), -EINVAL);
	upper[0] = upper[1] = 'g';
	assert_int_equal(digest_parse(upper, 64, &d), -EINVAL);
}

/* Last: it is so from then on. */
static void goes_on_when_it_becomes_faster(void **state)
{
	uint8_t data[1000];
	struct digest before, across, after;
	struct digest_ctx c;

	(void)state;
	memset(data, 0x5a, sizeof(data));
	digest_bytes(data, sizeof(data), &before);
	digest_init(&c);
	digest_update(&c, data, 300);
	assert_true(digest_speed_up());
	assert_true(digest_speed_up());
	digest_update(&c, data + 300, sizeof(data) - 300);
	digest_final(&c, &across);
	assert_true(digest_equal(&across, &before));
	digest_bytes(data, sizeof(data), &after);
	assert_true(digest_equal(&after, &before));
	abc_has_the_known_digest(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(abc_has_the_known_digest),
		cmocka_unit_test(pieces_equal_the_whole),
		cmocka_unit_test(a_file_is_read_from_where_it_stands),
		cmocka_unit_test(hex_is_exact),
		cmocka_unit_test(goes_on_when_it_becomes_faster),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
