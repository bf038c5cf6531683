/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel and udev tell about a block device. */
#include "agent/boot/blockdev.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>

#include "agent/boot/parttable.h"
#include "proto/base/fs.h"
#include "proto/text.h"

#define RECORD_MAX  (256u * 1024)
#define SECTOR	    512u /* bytes; start and size of sysfs count these */
#define GPT_ESP	    "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define UUID_LENGTH 36

static int open_sysfs(const struct agent *a, unsigned major, unsigned minor)
{
	char rel[48];
	_free_ char *path = NULL;

	snprintf(rel, sizeof(rel), "/sys/dev/block/%u:%u", major, minor);
	path = agent_path(a, rel);
	return path ? fs_open_dir(AT_FDCWD, path) : -ENOMEM;
}

const char *blockdev_layer(const struct agent *a, unsigned major, unsigned minor)
{
	static const struct {
		const char *dir, *above, *name;
	} layers[] = {
		{"dm", "../dm", "device mapper (LVM, LUKS, multipath)"},
		{"md", "../md", "MD RAID"},
		{"bcache", "../bcache", "bcache"},
		{"loop", "../loop", "a loop device"},
	};
	_close_ int fd = open_sysfs(a, major, minor);

	if (fd < 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(layers); i++) {
		/* A partition is a directory in that of its device. */
		if (fs_exists(fd, layers[i].dir) ||
		    (fs_exists(fd, "partition") && fs_exists(fd, layers[i].above)))
			return layers[i].name;
	}
	return NULL;
}

static int read_number(int dir, const char *name, uint64_t *ret)
{
	_free_ char *line = NULL;
	unsigned long long v;
	char *end;
	int r;

	r = fs_read_line(dir, name, &line);
	if (r < 0)
		return r;
	errno = 0;
	v = strtoull(line, &end, 10);
	if (end == line || *end != '\0' || errno != 0)
		return -EBADMSG;
	*ret = v;
	return 0;
}

/* The value of "KEY=..." at the start of a line, cut out of text; NULL. */
static char *record_value(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = text; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (strncmp(p, key, n) == 0)
			return strndup(p + n, strcspn(p + n, "\n"));
	return NULL;
}

static int hex_value(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

static bool hex_bytes(const char *s, size_t n, uint8_t *dst)
{
	for (size_t i = 0; i < n; i++) {
		int high = hex_value(s[2 * i]), low;

		if (high < 0)
			return false;
		low = hex_value(s[2 * i + 1]);
		if (low < 0)
			return false;
		dst[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* The first three fields of a GUID are little endian (UEFI 2.10, appendix A). */
static bool parse_guid(const char *s, uint8_t id[16])
{
	static const uint8_t at[16] = {3, 2, 1,	 0,  5,	 4,  7,	 6,
				       8, 9, 10, 11, 12, 13, 14, 15};
	static const uint8_t fields[5] = {4, 2, 2, 2, 6};
	uint8_t plain[16];
	size_t done = 0;

	if (strlen(s) != UUID_LENGTH)
		return false;
	for (size_t i = 0; i < 5; i++) {
		if (!hex_bytes(s, fields[i], plain + done))
			return false;
		done += fields[i];
		s += 2 * fields[i];
		if (*s != (i < 4 ? '-' : '\0'))
			return false;
		s++;
	}
	for (size_t i = 0; i < 16; i++)
		id[i] = plain[at[i]];
	return true;
}

/* "1a2b3c4d-01" */
static bool parse_mbr(const char *s, uint8_t id[16])
{
	uint8_t big[4];

	if (strlen(s) < 9 || s[8] != '-' || !hex_bytes(s, 4, big))
		return false;
	memset(id, 0, 16);
	for (size_t i = 0; i < 4; i++)
		id[i] = big[3 - i];
	return true;
}

/* The value of a key in a device's uevent; NULL. */
static char *uevent_value(int sysfs, const char *rel, const char *key)
{
	_buf_ struct buf b = BUF_INIT;
	const char *text = NULL;

	if (fs_read_file(sysfs, rel, RECORD_MAX, &b) == 0)
		text = buf_str(&b);
	return text ? record_value(text, key) : NULL;
}

/* Nobody tells: what the disk itself says. */
static int read_disk(const struct agent *a, int sysfs, uint64_t block,
		     struct partition *p)
{
	_free_ char *name = uevent_value(sysfs, "../uevent", "DEVNAME=");
	_free_ char *dev = agent_path(a, "/dev");
	_close_ int dir = -1, disk = -1;

	if (!dev)
		return -ENOMEM;
	dir = name ? fs_open_dir(AT_FDCWD, dev) : -1;
	if (dir < 0)
		return -ENODATA;
	disk = fs_open_beneath(dir, name, O_RDONLY, 0);
	if (disk < 0)
		return -ENODATA;
	return parttable_identify(disk, block, p);
}

static int read_records(const struct agent *a, int sysfs, unsigned major, unsigned minor,
			uint64_t block, struct partition *p)
{
	_free_ char *id = NULL, *type = NULL;
	_buf_ struct buf udev = BUF_INIT;
	const char *text;
	char rel[48];
	int r;

	snprintf(rel, sizeof(rel), "/run/udev/data/b%u:%u", major, minor);
	r = agent_read_file(a, rel, RECORD_MAX, &udev);
	if (r < 0 && r != -ENOENT)
		return r;
	text = buf_str(&udev);
	if (!text)
		return -ENOMEM;
	id = record_value(text, "E:ID_PART_ENTRY_UUID=");
	type = record_value(text, "E:ID_PART_ENTRY_TYPE=");
	/* Newer kernels tell it themselves. */
	if (!id)
		id = uevent_value(sysfs, "uevent", "PARTUUID=");
	if (!id)
		return read_disk(a, sysfs, block, p);
	p->gpt = parse_guid(id, p->id);
	if (!p->gpt && !parse_mbr(id, p->id))
		return -ENODATA;
	p->esp = !type || strcasecmp(type, p->gpt ? GPT_ESP : "0xef") == 0;
	return 0;
}

int blockdev_partition(const struct agent *a, unsigned major, unsigned minor,
		       struct partition *ret)
{
	_close_ int fd = open_sysfs(a, major, minor);
	uint64_t number, block = SECTOR;
	struct partition p = {0};
	int r;

	if (fd < 0)
		return fd;
	r = read_number(fd, "partition", &number);
	if (r == 0)
		r = read_number(fd, "start", &p.start);
	if (r == 0)
		r = read_number(fd, "size", &p.size);
	if (r < 0)
		return r;
	r = read_number(fd, "../queue/logical_block_size", &block);
	if (r < 0 && r != -ENOENT)
		return r;
	if (block < SECTOR || block % SECTOR != 0 || number > UINT32_MAX)
		return -EBADMSG;
	p.number = (uint32_t)number;
	p.start /= block / SECTOR;
	p.size /= block / SECTOR;
	r = read_records(a, fd, major, minor, block, &p);
	if (r < 0)
		return r;
	*ret = p;
	return 0;
}
