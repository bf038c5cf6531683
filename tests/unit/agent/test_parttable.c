/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Partition tables, made up byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "agent/boot/parttable.h"
#include "proto/base/cleanup.h"

#define BLOCK 512
#define DISK  (8 * BLOCK)
#define ENTRY 128
#define TABLE (2 * BLOCK)

static const uint8_t guid[16] = {0x44, 0x33, 0x22, 0x11, 0x66, 0x55, 0x88, 0x77,
				 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x00};
static const uint8_t esp[16] = {0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
				0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b};

static void put_le(uint8_t *p, uint64_t v, size_t n)
{
	for (; n > 0; n--, v >>= 8)
		*p++ = (uint8_t)v;
}

static void put_mbr(uint8_t *d, uint8_t type)
{
	put_le(d + 440, 0x1a2b3c4d, 4);
	d[446 + 4] = type;
	put_le(d + 510, 0xaa55, 2);
}

static void seal(uint8_t *d)
{
	uint8_t *h = d + BLOCK;

	put_le(h + 88, crc32(0, d + TABLE, 4 * ENTRY), 4);
	put_le(h + 16, 0, 4);
	put_le(h + 16, crc32(0, h, 92), 4);
}

/* Partition 2 of 4 is an ESP of 100 blocks from 2048 on. */
static void put_gpt(uint8_t *d)
{
	uint8_t *h = d + BLOCK, *e = d + TABLE + ENTRY;

	memset(d, 0, DISK);
	put_mbr(d, 0xee);
	memcpy(h, "EFI PART", 8);
	put_le(h + 12, 92, 4);
	put_le(h + 72, 2, 8);
	put_le(h + 80, 4, 4);
	put_le(h + 84, ENTRY, 4);
	memcpy(e, esp, 16);
	memcpy(e + 16, guid, 16);
	put_le(e + 32, 2048, 8);
	put_le(e + 40, 2147, 8);
	seal(d);
}

static int identify(const uint8_t *d, struct partition *p)
{
	_close_ int fd = memfd_create("disk", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, d, DISK), DISK);
	return parttable_identify(fd, BLOCK, p);
}

static struct partition second(void)
{
	return (struct partition){.number = 2, .start = 2048, .size = 100};
}

static void reads_a_gpt(void **state)
{
	struct partition p = second();
	uint8_t d[DISK];

	(void)state;
	put_gpt(d);
	assert_int_equal(identify(d, &p), 0);
	assert_true(p.gpt);
	assert_true(p.esp);
	assert_memory_equal(p.id, guid, 16);
	d[TABLE + ENTRY] ^= 1;
	seal(d);
	assert_int_equal(identify(d, &p), 0);
	assert_false(p.esp);
}

static void refuses_a_damaged_gpt(void **state)
{
	struct partition p = second();
	uint8_t d[DISK];

	(void)state;
	put_gpt(d);
	d[TABLE + ENTRY + 16] ^= 1;
	assert_int_equal(identify(d, &p), -EBADMSG);
	put_gpt(d);
	d[BLOCK + 72] ^= 1;
	assert_int_equal(identify(d, &p), -EBADMSG);
	put_gpt(d);
	put_le(d + BLOCK + 12, 91, 4);
	assert_int_equal(identify(d, &p), -EBADMSG);
	put_gpt(d);
	put_le(d + BLOCK + 80, UINT32_MAX, 4);
	seal(d);
	assert_int_equal(identify(d, &p), -EBADMSG);
	put_gpt(d);
	put_le(d + BLOCK + 72, UINT64_MAX / 2, 8);
	seal(d);
	assert_int_equal(identify(d, &p), -EBADMSG);
	put_gpt(d);
	put_le(d + BLOCK + 84, 64, 4);
	seal(d);
	assert_int_equal(identify(d, &p), -EBADMSG);
	assert_false(p.gpt);
}

static void refuses_another_partition(void **state)
{
	struct partition moved = second(), longer = second(), none = second();
	uint8_t d[DISK];

	(void)state;
	put_gpt(d);
	moved.start++;
	assert_int_equal(identify(d, &moved), -EBADMSG);
	longer.size++;
	assert_int_equal(identify(d, &longer), -EBADMSG);
	none.number = 5;
	assert_int_equal(identify(d, &none), -ENODATA);
}

static void reads_an_mbr(void **state)
{
	struct partition first = {.number = 1, .start = 2048, .size = 100},
			 other = {.number = 2, .start = 4096, .size = 200},
			 fifth = {.number = 5}, moved = first, longer = first;
	uint8_t d[DISK] = {0};

	(void)state;
	assert_int_equal(identify(d, &first), -ENODATA);
	put_mbr(d, 0xef);
	put_le(d + 446 + 8, 2048, 4);
	put_le(d + 446 + 12, 100, 4);
	assert_int_equal(identify(d, &first), 0);
	assert_false(first.gpt);
	assert_true(first.esp);
	assert_memory_equal(first.id, "\x4d\x3c\x2b\x1a\0\0\0\0", 8);
	moved.start++;
	assert_int_equal(identify(d, &moved), -EBADMSG);
	longer.size++;
	assert_int_equal(identify(d, &longer), -EBADMSG);
	assert_int_equal(identify(d, &other), -ENODATA);
	d[446 + 16 + 4] = 0x83;
	put_le(d + 446 + 16 + 8, 4096, 4);
	put_le(d + 446 + 16 + 12, 200, 4);
	assert_int_equal(identify(d, &other), 0);
	assert_false(other.esp);
	/* A logical one: its type is not told. */
	assert_int_equal(identify(d, &fifth), 0);
	assert_true(fifth.esp);
	memset(d + 440, 0, 4);
	assert_int_equal(identify(d, &first), -ENODATA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_gpt),
		cmocka_unit_test(refuses_a_damaged_gpt),
		cmocka_unit_test(refuses_another_partition),
		cmocka_unit_test(reads_an_mbr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
