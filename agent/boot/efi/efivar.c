/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EFI variables through efivarfs.
 *
 * The kernel marks variables it does not know as immutable, because deleting some of them
 * has bricked machines; the mark is taken off for the moment of a write (which needs
 * CAP_LINUX_IMMUTABLE) and is put back.
 */
#include "agent/boot/efi/efivar.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "proto/base/fs.h"
#include "proto/base/le.h"

#define ATTRS_SIZE 4u

static bool on_efivarfs(int fd)
{
	struct statfs st;

	return fstatfs(fd, &st) == 0 && (uint32_t)st.f_type == EFIVARFS_MAGIC;
}

/* Set or clear the mark; *ret_was (may be NULL) tells how it was.  Plain files of a
 * scratch root may lie on a file system without marks. */
static int set_immutable(int dirfd, const char *name, bool on, bool *ret_was)
{
	_close_ int fd = fs_open_beneath(dirfd, name, O_RDONLY, 0);
	int flags, want;

	if (fd < 0)
		return fd;
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0) {
		if (ret_was)
			*ret_was = false;
		return errno == ENOTTY || errno == EOPNOTSUPP || errno == ENOSYS ? 0
										 : -errno;
	}
	if (ret_was)
		*ret_was = flags & FS_IMMUTABLE_FL;
	want = on ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
	if (want == flags)
		return 0;
	return ioctl(fd, FS_IOC_SETFLAGS, &want) < 0 ? -errno : 0;
}

int efivar_read(int dirfd, const char *name, uint32_t *ret_attrs, struct buf *ret)
{
	_buf_ struct buf b = BUF_INIT;
	uint32_t attrs;
	int r;

	r = fs_read_file(dirfd, name, EFIVAR_MAX, &b);
	if (r < 0)
		return r;
	if (buf_len(&b) == 0)
		return -ENOENT;
	if (buf_len(&b) < ATTRS_SIZE)
		return -EBADMSG;
	attrs = le32(buf_data(&b));
	r = buf_append(ret, buf_data(&b) + ATTRS_SIZE, buf_len(&b) - ATTRS_SIZE);
	if (r < 0)
		return r;
	if (ret_attrs)
		*ret_attrs = attrs;
	return 0;
}

static int write_once(int fd, const struct buf *b)
{
	ssize_t n;

	do {
		n = write(fd, buf_data(b), buf_len(b));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == buf_len(b) ? 0 : -EIO;
}

static int compare_back(int dirfd, const char *name, uint32_t attrs, const void *data,
			size_t n)
{
	_buf_ struct buf b = BUF_INIT;
	uint32_t found;
	int r;

	r = efivar_read(dirfd, name, &found, &b);
	if (r < 0)
		return r == -ENOENT ? -EIO : r;
	if (found != attrs || buf_len(&b) != n || memcmp(buf_data(&b), data, n) != 0)
		return -EIO;
	return 0;
}

static int remove_var(int dirfd, const char *name)
{
	int r = set_immutable(dirfd, name, false, NULL);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

int efivar_write(int dirfd, const char *name, uint32_t attrs, const void *data, size_t n)
{
	uint8_t head[ATTRS_SIZE];
	_buf_ struct buf b = BUF_INIT;
	_close_ int fd = -1;
	bool existed, was = false;
	int r;

	/* A value of no bytes would delete the variable. */
	if (n == 0 || n > EFIVAR_MAX - ATTRS_SIZE)
		return -EINVAL;
	for (size_t i = 0; i < ATTRS_SIZE; i++)
		head[i] = (uint8_t)(attrs >> 8 * i);
	r = buf_append(&b, head, sizeof(head));
	if (r == 0)
		r = buf_append(&b, data, n);
	if (r < 0)
		return r;
	/* The plain files of a scratch root change at once, too, as the firmware's do. */
	if (!on_efivarfs(dirfd)) {
		r = fs_replace(dirfd, name, buf_data(&b), buf_len(&b), 0644);
		return r < 0 ? r : compare_back(dirfd, name, attrs, data, n);
	}
	r = set_immutable(dirfd, name, false, &was);
	existed = r != -ENOENT;
	if (r < 0 && r != -ENOENT)
		return r;
	fd = fs_open_beneath(dirfd, name, O_WRONLY | O_CREAT | O_NOCTTY, 0644);
	if (fd < 0)
		return fd;
	r = write_once(fd, &b);
	if (r == 0)
		r = compare_back(dirfd, name, attrs, data, n);
	if (r < 0 && !existed)
		remove_var(dirfd, name);
	else if (was)
		set_immutable(dirfd, name, true, NULL);
	return r;
}

int efivar_remove(int dirfd, const char *name)
{
	return remove_var(dirfd, name);
}

int efivar_read_string(int dirfd, const char *name, char **ret)
{
	_buf_ struct buf b = BUF_INIT;
	int r;

	r = efivar_read(dirfd, name, NULL, &b);
	if (r < 0)
		return r;
	return efivar_utf16_decode(buf_data(&b), buf_len(&b), ret);
}

int efivar_write_string(int dirfd, const char *name, const char *s)
{
	_buf_ struct buf b = BUF_INIT;
	int r;

	r = efivar_utf16_encode(s, &b);
	if (r < 0)
		return r;
	return efivar_write(dirfd, name, EFIVAR_NV_BS_RT, buf_data(&b), buf_len(&b));
}

int efivar_utf16_encode(const char *s, struct buf *out)
{
	size_t n = strlen(s) + 1;
	uint8_t *at;
	int r;

	for (size_t i = 0; i + 1 < n; i++)
		if ((unsigned char)s[i] > 0x7f)
			return -EINVAL;
	if (n > EFIVAR_MAX / 2)
		return -EINVAL;
	r = buf_reserve(out, 2 * n, &at);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		at[2 * i] = (uint8_t)s[i];
		at[2 * i + 1] = 0;
	}
	buf_commit(out, 2 * n);
	return 0;
}

static size_t utf8_put(char *dst, uint32_t c)
{
	if (c < 0x80) {
		dst[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		dst[0] = (char)(0xc0 | c >> 6);
		dst[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		dst[0] = (char)(0xe0 | c >> 12);
		dst[1] = (char)(0x80 | (c >> 6 & 0x3f));
		dst[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	dst[0] = (char)(0xf0 | c >> 18);
	dst[1] = (char)(0x80 | (c >> 12 & 0x3f));
	dst[2] = (char)(0x80 | (c >> 6 & 0x3f));
	dst[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

int efivar_utf16_decode(const void *data, size_t n, char **ret)
{
	const uint8_t *p = data;
	_free_ char *s = NULL;
	size_t len = 0;

	if (n % 2 != 0)
		return -EILSEQ;
	if (n > EFIVAR_MAX)
		return -EMSGSIZE;
	/* One unit of two bytes becomes at most three, a pair of units four. */
	s = malloc(n / 2 * 3 + 1);
	if (!s)
		return -ENOMEM;
	for (size_t i = 0; i < n; i += 2) {
		uint32_t c = le16(p + i);

		if (c == 0)
			break;
		if (c >= 0xdc00 && c <= 0xdfff)
			return -EILSEQ;
		if (c >= 0xd800 && c <= 0xdbff) {
			uint32_t low;

			if (n - i < 4)
				return -EILSEQ;
			i += 2;
			low = le16(p + i);
			if (low < 0xdc00 || low > 0xdfff)
				return -EILSEQ;
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		}
		len += utf8_put(s + len, c);
	}
	s[len] = '\0';
	*ret = TAKE_PTR(s);
	return 0;
}
