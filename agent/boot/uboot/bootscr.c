/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The boot script and its wrapping.
 *
 * Header, 64 bytes, numbers big endian (U-Boot, include/image.h, struct
 * legacy_img_hdr): magic, CRC32 of the header with this field 0, time, size of the data,
 * load address, entry point, CRC32 of the data, OS, architecture, type, compression, name
 * of 32 bytes.  The data of a script (tools/image-host and boot/image.c, multi-file
 * images): the size of each part, a 0, then the parts.  Time is 0: equal scripts have
 * equal bytes.  `source` does not look at the architecture.
 *
 * Words of the script: devtype, devnum and distro_bootpart are set by whoever runs
 * boot.scr, in distro_bootcmd and in bootstd.  `fatrm` says whether it could delete, and
 * the second `test -e` whether that is what the FAT has now.
 */
#include "agent/boot/uboot/bootscr.h"

#include <string.h>
#include <zlib.h>

#define HEADER	    64
#define MAGIC	    0x27051956u
#define OS_LINUX    5
#define ARCH_ARM64  22
#define TYPE_SCRIPT 6
#define NAME	    "kferry"
#define PART	    "${devtype} ${devnum}:${distro_bootpart}"

static const char script[] =
	"# kferry: boots a kernel once; written by kferryd, do not edit\n"
	"if test -e " PART " /" BOOTSCR_ONCE "; then\n"
	"  if fatrm " PART " /" BOOTSCR_ONCE "; then\n"
	"    if test -e " PART " /" BOOTSCR_ONCE "; then\n"
	"      echo kferry: the flag cannot be deleted\n"
	"    else\n"
	"      echo kferry: trial\n"
	"      sysboot " PART " any ${scriptaddr} /" BOOTSCR_TRIAL "\n"
	"    fi\n"
	"  fi\n"
	"fi\n"
	"if test -e " PART " /" BOOTSCR_GOOD "; then\n"
	"  sysboot " PART " any ${scriptaddr} /" BOOTSCR_GOOD "\n"
	"fi\n"
	"echo kferry: going on with the next boot method\n";

static void put_u32(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 24);
	at[1] = (uint8_t)(v >> 16);
	at[2] = (uint8_t)(v >> 8);
	at[3] = (uint8_t)v;
}

static uint32_t crc(const void *data, size_t n)
{
	return (uint32_t)crc32(0, data, (uInt)n);
}

int bootscr_wrap(const char *text, size_t n, const char *name, struct buf *out)
{
	uint8_t header[HEADER] = {0}, sizes[8] = {0};
	_buf_ struct buf data = BUF_INIT;
	int r;

	if (n == 0 || n > 64u * 1024 || strlen(name) > 32)
		return -EINVAL;
	put_u32(sizes, (uint32_t)n);
	r = buf_append(&data, sizes, sizeof(sizes));
	if (r == 0)
		r = buf_append(&data, text, n);
	if (r < 0)
		return r;
	put_u32(header, MAGIC);
	put_u32(header + 12, (uint32_t)buf_len(&data));
	put_u32(header + 24, crc(buf_data(&data), buf_len(&data)));
	header[28] = OS_LINUX;
	header[29] = ARCH_ARM64;
	header[30] = TYPE_SCRIPT;
	memcpy(header + 32, name, strlen(name));
	put_u32(header + 4, crc(header, HEADER));
	r = buf_append(out, header, HEADER);
	return r < 0 ? r : buf_append(out, buf_data(&data), buf_len(&data));
}

int bootscr_make(struct buf *out)
{
	return bootscr_wrap(script, strlen(script), NAME, out);
}

bool bootscr_is_ours(const void *data, size_t n)
{
	const uint8_t *p = data;

	return n > HEADER && p[30] == TYPE_SCRIPT &&
	       memcmp(p + 32, NAME, sizeof(NAME)) == 0;
}
