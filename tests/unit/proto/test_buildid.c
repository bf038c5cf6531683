/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Build-ids: notes, both classes and byte orders of ELF, damaged files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "proto/buildid.h"

#define NOTES_AT 256

static const char id_hex[] = "0102030405060708090a0b0c0d0e0f1011121314";

struct file {
	uint8_t b[512];
	size_t n;
	int big;
};

static void put(struct file *f, size_t at, unsigned size, uint64_t v)
{
	for (unsigned i = 0; i < size; i++)
		f->b[at + i] = (uint8_t)(v >> (8 * (f->big ? size - 1 - i : i)));
}

static void add_note(struct file *f, const char *name, uint32_t type, unsigned desc,
		     unsigned align)
{
	size_t name_size = strlen(name) + 1;

	put(f, f->n, 4, name_size);
	put(f, f->n + 4, 4, desc);
	put(f, f->n + 8, 4, type);
	memcpy(f->b + f->n + 12, name, name_size);
	f->n += 12 + (name_size + align - 1) / align * align;
	for (unsigned i = 0; i < desc; i++)
		f->b[f->n + i] = (uint8_t)(i + 1);
	f->n += (desc + align - 1) / align * align;
}

static void is_found_among_other_notes(void **state)
{
	struct file f = {.big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__};
	char hex[BUILD_ID_HEX];

	(void)state;
	add_note(&f, "Linux", 3, 20, 4);
	add_note(&f, "GNU", 5, 6, 4);
	assert_int_equal(buildid_from_notes(f.b, f.n, hex), -ENOENT);
	add_note(&f, "GNU", NT_GNU_BUILD_ID, 20, 4);
	assert_int_equal(buildid_from_notes(f.b, f.n, hex), 0);
	assert_string_equal(hex, id_hex);
	for (size_t n = 0; n < f.n; n++)
		assert_int_equal(buildid_from_notes(f.b, n, hex), -ENOENT);
}

static void a_length_that_cannot_be_is_not_believed(void **state)
{
	struct file f = {.big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__};
	char hex[BUILD_ID_HEX];

	(void)state;
	add_note(&f, "GNU", NT_GNU_BUILD_ID, 65, 4);
	assert_int_equal(buildid_from_notes(f.b, f.n, hex), -ENOENT);
	put(&f, 4, 4, 0xffffffff);
	assert_int_equal(buildid_from_notes(f.b, f.n, hex), -ENOENT);
	put(&f, 0, 4, 0xfffffffe);
	assert_int_equal(buildid_from_notes(f.b, f.n, hex), -ENOENT);
}

/* One table of one entry that says where the notes are. */
static void make_elf(struct file *f, int wide, int big, int sections, unsigned align)
{
	unsigned word = wide ? 8 : 4;
	size_t table = 64, type, at;

	*f = (struct file){.big = big, .n = NOTES_AT};
	add_note(f, "GNU", NT_GNU_PROPERTY_TYPE_0, 16, align);
	add_note(f, "GNU", NT_GNU_BUILD_ID, 20, align);
	memcpy(f->b, ELFMAG, SELFMAG);
	f->b[EI_CLASS] = wide ? ELFCLASS64 : ELFCLASS32;
	f->b[EI_DATA] = big ? ELFDATA2MSB : ELFDATA2LSB;
	if (sections) {
		put(f, wide ? 40 : 32, word, table);
		put(f, wide ? 58 : 46, 2, wide ? 64 : 40);
		put(f, wide ? 60 : 48, 2, 1);
		type = table + 4;
		at = table + (wide ? 24 : 16);
		put(f, table + (wide ? 48 : 32), word, align);
	} else {
		put(f, wide ? 32 : 28, word, table);
		put(f, wide ? 54 : 42, 2, wide ? 56 : 32);
		put(f, wide ? 56 : 44, 2, 1);
		type = table;
		at = table + (wide ? 8 : 4);
		put(f, table + (wide ? 48 : 28), word, align);
	}
	put(f, type, 4, sections ? SHT_NOTE : PT_NOTE);
	put(f, at, word, NOTES_AT);
	put(f, sections ? at + word : table + (wide ? 32 : 16), word, f->n - NOTES_AT);
}

static void is_found_in_every_kind_of_elf(void **state)
{
	char hex[BUILD_ID_HEX];
	struct file f;

	(void)state;
	for (unsigned kind = 0; kind < 16; kind++) {
		make_elf(&f, kind & 1, kind >> 1 & 1, kind >> 2 & 1, kind & 8 ? 8 : 4);
		hex[0] = '\0';
		assert_int_equal(buildid_from_elf(f.b, f.n, hex), 0);
		assert_string_equal(hex, id_hex);
		/* Cut anywhere: never found, never read past. */
		for (size_t n = 0; n < f.n - 4; n++) {
			uint8_t *cut = malloc(n ? n : 1);

			assert_non_null(cut);
			memcpy(cut, f.b, n);
			assert_int_equal(buildid_from_elf(cut, n, hex), -ENOENT);
			free(cut);
		}
	}
}

static void what_is_no_elf_has_none(void **state)
{
	static const uint8_t image[128] = "MZ";
	char hex[BUILD_ID_HEX];
	struct file f;

	(void)state;
	assert_int_equal(buildid_from_elf(image, sizeof(image), hex), -ENOENT);
	make_elf(&f, 1, 0, 0, 4);
	put(&f, 32, 8, UINT64_MAX - 8);
	assert_int_equal(buildid_from_elf(f.b, f.n, hex), -ENOENT);
	make_elf(&f, 1, 0, 0, 4);
	put(&f, 54, 2, 0);
	assert_int_equal(buildid_from_elf(f.b, f.n, hex), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_found_among_other_notes),
		cmocka_unit_test(a_length_that_cannot_be_is_not_believed),
		cmocka_unit_test(is_found_in_every_kind_of_elf),
		cmocka_unit_test(what_is_no_elf_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
