/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the GPT, or else the MBR, of a disk. */
#include "agent/boot/parttable.h"

#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "proto/base/le.h"

#define MBR_SIZE       512
#define MBR_DISK_ID    440
#define MBR_ENTRIES    446
#define MBR_ENTRY      16
#define MBR_MAGIC      510
#define MBR_PRIMARY    4
#define TYPE_PROTECTED 0xee
#define TYPE_ESP       0xef

/* Offsets in the MBR's entry. */
#define TYPE_AT	 4
#define START_AT 8
#define SIZE_AT	 12

/* Offsets in the GPT's header, and in an entry. */
#define GPT_HEADER     92
#define GPT_SIZE_AT    12
#define GPT_CRC_AT     16
#define GPT_TABLE_AT   72
#define GPT_COUNT_AT   80
#define GPT_ENTRY_AT   84
#define GPT_TABLE_CRC  88
#define ENTRY_ID_AT    16
#define ENTRY_FIRST_AT 32
#define ENTRY_LAST_AT  40
#define ENTRY_MIN      128
#define TABLE_MAX      (256u * 1024)

static const uint8_t esp_type[16] = {0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
				     0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b};

static int read_at(int fd, void *dst, size_t n, uint64_t at)
{
	ssize_t got = pread(fd, dst, n, (off_t)at);

	if (got < 0)
		return -errno;
	return (size_t)got == n ? 0 : -EBADMSG;
}

static uint32_t checksum(const uint8_t *p, size_t n)
{
	return (uint32_t)crc32(0, p, (uInt)n);
}

static int check_header(uint8_t h[static GPT_HEADER])
{
	uint8_t zeroed[GPT_HEADER];

	/* A longer header than the standard's would have to be read whole. */
	if (memcmp(h, "EFI PART", 8) != 0 || le_get(h + GPT_SIZE_AT, 4) != GPT_HEADER)
		return -EBADMSG;
	memcpy(zeroed, h, GPT_HEADER);
	memset(zeroed + GPT_CRC_AT, 0, 4);
	return checksum(zeroed, GPT_HEADER) == le_get(h + GPT_CRC_AT, 4) ? 0 : -EBADMSG;
}

static int take_entry(const uint8_t *entry, struct partition *p)
{
	uint64_t first = le_get(entry + ENTRY_FIRST_AT, 8);
	uint64_t last = le_get(entry + ENTRY_LAST_AT, 8);

	if (first != p->start || last < first || last - first + 1 != p->size)
		return -EBADMSG;
	p->gpt = true;
	memcpy(p->id, entry + ENTRY_ID_AT, sizeof(p->id));
	p->esp = memcmp(entry, esp_type, sizeof(esp_type)) == 0;
	return 0;
}

static int identify_gpt(int disk, uint64_t block, struct partition *p)
{
	uint8_t h[GPT_HEADER];
	_free_ uint8_t *table = NULL;
	size_t count, entry; /* of 32 bits on disk */
	uint64_t at;
	int r;

	r = read_at(disk, h, sizeof(h), block);
	if (r == 0)
		r = check_header(h);
	if (r < 0)
		return r;
	count = (size_t)le_get(h + GPT_COUNT_AT, 4);
	entry = (size_t)le_get(h + GPT_ENTRY_AT, 4);
	if (p->number == 0 || p->number > count)
		return -ENODATA;
	if (entry < ENTRY_MIN || entry > TABLE_MAX || count > TABLE_MAX / entry ||
	    __builtin_mul_overflow(le_get(h + GPT_TABLE_AT, 8), block, &at) ||
	    at > INT64_MAX)
		return -EBADMSG;
	table = malloc(count * entry);
	if (!table)
		return -ENOMEM;
	r = read_at(disk, table, count * entry, at);
	if (r < 0)
		return r;
	if (checksum(table, count * entry) != le_get(h + GPT_TABLE_CRC, 4))
		return -EBADMSG;
	return take_entry(table + (p->number - 1) * entry, p);
}

/* The entry of a primary partition says what the kernel says of it, or it is of another
 * table than the kernel read. */
static int check_primary(const uint8_t *entry, const struct partition *p)
{
	if (entry[TYPE_AT] == 0)
		return -ENODATA;
	return le_get(entry + START_AT, 4) == p->start &&
			       le_get(entry + SIZE_AT, 4) == p->size
		       ? 0
		       : -EBADMSG;
}

int parttable_identify(int disk, uint64_t block, struct partition *p)
{
	uint8_t mbr[MBR_SIZE], type = 0;
	int r;

	r = read_at(disk, mbr, sizeof(mbr), 0);
	if (r < 0)
		return r;
	if (le_get(mbr + MBR_MAGIC, 2) != 0xaa55)
		return -ENODATA;
	for (size_t i = 0; i < MBR_PRIMARY; i++)
		if (mbr[MBR_ENTRIES + i * MBR_ENTRY + TYPE_AT] == TYPE_PROTECTED)
			return identify_gpt(disk, block, p);
	if (p->number >= 1 && p->number <= MBR_PRIMARY) {
		const uint8_t *entry = mbr + MBR_ENTRIES + (p->number - 1) * MBR_ENTRY;

		r = check_primary(entry, p);
		if (r < 0)
			return r;
		type = entry[TYPE_AT];
	}
	if (le_get(mbr + MBR_DISK_ID, 4) == 0)
		return -ENODATA;
	p->gpt = false;
	memset(p->id, 0, sizeof(p->id));
	memcpy(p->id, mbr + MBR_DISK_ID, 4);
	/* What a logical partition is, is written elsewhere. */
	p->esp = type == TYPE_ESP || p->number > MBR_PRIMARY;
	return 0;
}
