// SPDX-License-Identifier: GPL-2.0-or-later
/* The GNU build-id in a run of ELF notes, or in the notes of an ELF file. */
#include "proto/buildid.h"

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define NOTE_HEAD     12
#define BUILD_ID_MAX  ((BUILD_ID_HEX - 1) / 2)
#define GNU_NAME_SIZE 4

/* Bytes whose numbers may be in the other byte order. */
struct view {
	const uint8_t *p;
	size_t n;
	bool big, wide; /* as the ELF header says */
};

/* size bytes at `at`, which the caller has checked to be there. */
static uint64_t get(const struct view *v, size_t at, unsigned size)
{
	uint64_t x = 0;

	for (unsigned i = 0; i < size; i++) {
		unsigned shift = 8 * (v->big ? size - 1 - i : i);

		x |= (uint64_t)v->p[at + i] << shift;
	}
	return x;
}

static void put_hex(const uint8_t *p, size_t n, char *hex)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		hex[2 * i] = digits[p[i] >> 4];
		hex[2 * i + 1] = digits[p[i] & 15];
	}
	hex[2 * n] = '\0';
}

/* `size` rounded up to the notes' padding, or all that is left if it ends there. */
static bool padded(size_t size, size_t align, size_t left, size_t *ret)
{
	size_t n = (size + align - 1) & ~(align - 1);

	if (size > left)
		return false;
	*ret = n < left ? n : left;
	return true;
}

static int find_in_notes(const struct view *v, size_t align, char *hex)
{
	size_t at = 0;

	while (v->n - at >= NOTE_HEAD) {
		size_t name_size = (size_t)get(v, at, 4);
		size_t desc_size = (size_t)get(v, at + 4, 4);
		uint64_t type = get(v, at + 8, 4);
		const uint8_t *name = v->p + at + NOTE_HEAD, *desc;
		size_t step;

		at += NOTE_HEAD;
		if (!padded(name_size, align, v->n - at, &step))
			return -ENOENT;
		at += step;
		desc = v->p + at;
		if (!padded(desc_size, align, v->n - at, &step))
			return -ENOENT;
		at += step;
		if (type == NT_GNU_BUILD_ID && name_size == GNU_NAME_SIZE &&
		    memcmp(name, "GNU", GNU_NAME_SIZE) == 0 && desc_size > 0 &&
		    desc_size <= BUILD_ID_MAX) {
			put_hex(desc, desc_size, hex);
			return 0;
		}
	}
	return -ENOENT;
}

int buildid_from_notes(const void *notes, size_t n, char hex[static BUILD_ID_HEX])
{
	struct view v = {
		.p = notes,
		.n = n,
		.big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__,
	};

	return find_in_notes(&v, 4, hex);
}

/* One kind of table in an ELF file: program headers or sections. */
struct table {
	size_t head_at; /* of the table's offset, in the ELF header */
	size_t count_at, entry_at;
	size_t entry_size; /* the least an entry has */
	size_t type_at, offset_at, size_at, align_at;
	uint32_t note_type;
};

#define TABLE(bits, kind, head, field, size, align, note)                                \
	{                                                                                \
		offsetof(Elf##bits##_Ehdr, e_##head##off),                               \
			offsetof(Elf##bits##_Ehdr, e_##head##num),                       \
			offsetof(Elf##bits##_Ehdr, e_##head##entsize),                   \
			sizeof(Elf##bits##_##kind),                                      \
			offsetof(Elf##bits##_##kind, field##_type),                      \
			offsetof(Elf##bits##_##kind, field##_offset),                    \
			offsetof(Elf##bits##_##kind, field##_##size),                    \
			offsetof(Elf##bits##_##kind, field##_##align), note,             \
	}
#define SEGMENTS(bits) TABLE(bits, Phdr, ph, p, filesz, align, PT_NOTE)
#define SECTIONS(bits) TABLE(bits, Shdr, sh, sh, size, addralign, SHT_NOTE)

static const struct table tables[2][2] = {
	{SEGMENTS(32), SECTIONS(32)},
	{SEGMENTS(64), SECTIONS(64)},
};

static int find_in_table(const struct view *v, const struct table *t, char *hex)
{
	unsigned word = v->wide ? 8 : 4;
	uint64_t off = get(v, t->head_at, word);
	size_t count = (size_t)get(v, t->count_at, 2);
	size_t step = (size_t)get(v, t->entry_at, 2);

	if (step < t->entry_size)
		return -ENOENT;
	for (size_t i = 0; i < count; i++, off += step) {
		struct view notes = *v;
		uint64_t at, size, align;
		size_t entry;

		if (off > v->n || v->n - off < t->entry_size)
			return -ENOENT;
		entry = (size_t)off;
		if (get(v, entry + t->type_at, 4) != t->note_type)
			continue;
		at = get(v, entry + t->offset_at, word);
		size = get(v, entry + t->size_at, word);
		align = get(v, entry + t->align_at, word);
		if (at > v->n || size > v->n - at)
			continue;
		notes.p += at;
		notes.n = (size_t)size;
		if (find_in_notes(&notes, align == 8 ? 8 : 4, hex) == 0)
			return 0;
	}
	return -ENOENT;
}

int buildid_from_elf(const void *elf, size_t n, char hex[static BUILD_ID_HEX])
{
	struct view v = {.p = elf, .n = n};

	if (n < sizeof(Elf32_Ehdr) || memcmp(elf, ELFMAG, SELFMAG) != 0)
		return -ENOENT;
	v.wide = v.p[EI_CLASS] == ELFCLASS64;
	v.big = v.p[EI_DATA] == ELFDATA2MSB;
	if (v.wide && n < sizeof(Elf64_Ehdr))
		return -ENOENT;
	for (unsigned i = 0; i < 2; i++)
		if (find_in_table(&v, &tables[v.wide][i], hex) == 0)
			return 0;
	return -ENOENT;
}
