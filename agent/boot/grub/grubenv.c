/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GRUB's environment block. */
#include "agent/boot/grub/grubenv.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/fs.h"

static const char signature[] = "# GRUB Environment Block\n";
#define SIGNATURE (sizeof(signature) - 1)

void grubenv_init(struct grubenv *e)
{
	memset(e->block, '#', GRUBENV_SIZE);
	memcpy(e->block, signature, SIGNATURE);
}

int grubenv_load(const void *data, size_t n, struct grubenv *ret)
{
	if (n != GRUBENV_SIZE || memcmp(data, signature, SIGNATURE) != 0)
		return -EBADMSG;
	memcpy(ret->block, data, GRUBENV_SIZE);
	return 0;
}

/* One past the line break that ends the line at p; of a line without one, the end. */
static const char *line_end(const struct grubenv *e, const char *p)
{
	const char *end = e->block + GRUBENV_SIZE;

	while (p < end) {
		if (*p == '\\' && end - p > 1)
			p++;
		else if (*p == '\n')
			return p + 1;
		p++;
	}
	return end;
}

/* Where the line of name begins, NULL if there is none; *ret_end is one past it. */
static const char *find_line(const struct grubenv *e, const char *name,
			     const char **ret_end)
{
	const char *end = e->block + GRUBENV_SIZE, *p = e->block + SIGNATURE, *next;
	size_t n = strlen(name);

	for (; p < end; p = next) {
		next = *p == '#' ? memchr(p, '\n', (size_t)(end - p)) : line_end(e, p);
		if (*p == '#')
			next = next ? next + 1 : end;
		else if ((size_t)(next - p) > n && memcmp(p, name, n) == 0 &&
			 p[n] == '=' && next[-1] == '\n') {
			*ret_end = next;
			return p;
		}
	}
	return NULL;
}

/* Where the padding begins that may be used: behind the last line. */
static size_t used(const struct grubenv *e)
{
	size_t n = GRUBENV_SIZE;

	while (n > SIGNATURE && e->block[n - 1] == '#')
		n--;
	return n;
}

int grubenv_get(const struct grubenv *e, const char *name, char **ret)
{
	const char *end, *p = find_line(e, name, &end);
	char *s, *out;

	if (!p)
		return -ENOENT;
	p += strlen(name) + 1;
	out = s = malloc((size_t)(end - p));
	if (!s)
		return -ENOMEM;
	for (; p < end - 1; p++) {
		if (*p == '\\' && p < end - 2)
			p++;
		*out++ = *p;
	}
	*out = '\0';
	*ret = s;
	return 0;
}

static size_t escape(const char *value, char *dst, size_t size)
{
	size_t n = 0;

	for (; *value; value++) {
		if (*value == '\\' || *value == '\n') {
			if (n < size)
				dst[n] = '\\';
			n++;
		}
		if (n < size)
			dst[n] = *value;
		n++;
	}
	return n;
}

void grubenv_unset(struct grubenv *e, const char *name)
{
	const char *end, *p;

	while ((p = find_line(e, name, &end))) {
		size_t at = (size_t)(p - e->block), gone = (size_t)(end - p);

		memmove(e->block + at, end, GRUBENV_SIZE - at - gone);
		memset(e->block + GRUBENV_SIZE - gone, '#', gone);
	}
}

int grubenv_set(struct grubenv *e, const char *name, const char *value)
{
	struct grubenv changed = *e;
	char line[GRUBENV_SIZE];
	size_t n = strlen(name), at;
	const char *end;

	if (n == 0 || n > GRUBENV_SIZE / 2 || strpbrk(name, "=#\n\\"))
		return -EINVAL;
	memcpy(line, name, n);
	line[n++] = '=';
	n += escape(value, line + n, sizeof(line) - n);
	if (n >= sizeof(line))
		return -ENOSPC;
	line[n++] = '\n';
	grubenv_unset(&changed, name);
	at = used(&changed);
	if (at > SIGNATURE && changed.block[at - 1] != '\n')
		return -EBADMSG;
	if (n > GRUBENV_SIZE - at)
		return -ENOSPC;
	memcpy(changed.block + at, line, n);
	/* Behind a line break that is part of a value it would be part of it, too. */
	if (find_line(&changed, name, &end) != changed.block + at)
		return -EBADMSG;
	*e = changed;
	return 0;
}

int grubenv_read(int dirfd, const char *rel, struct grubenv *ret)
{
	_buf_ struct buf b = BUF_INIT;
	int r;

	r = fs_read_file(dirfd, rel, GRUBENV_SIZE, &b);
	if (r < 0)
		return r == -EFBIG ? -EBADMSG : r;
	return grubenv_load(buf_data(&b), buf_len(&b), ret);
}

int grubenv_write(int dirfd, const char *rel, const struct grubenv *e)
{
	_close_ int fd = fs_open_beneath(dirfd, rel, O_RDWR, 0);
	struct grubenv back;
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size != GRUBENV_SIZE)
		return -EBADMSG;
	n = pwrite(fd, e->block, GRUBENV_SIZE, 0);
	if (n < 0)
		return -errno;
	if (n != GRUBENV_SIZE)
		return -EIO;
	/* All of it: the blocks of a file that was just made have to be on the disk. */
	if (fsync(fd) < 0)
		return -errno;
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (pread(fd, back.block, GRUBENV_SIZE, 0) != GRUBENV_SIZE ||
	    memcmp(back.block, e->block, GRUBENV_SIZE) != 0)
		return -EIO;
	return 0;
}

int grubenv_create(int dirfd, const char *rel)
{
	struct grubenv e;

	grubenv_init(&e);
	return fs_replace(dirfd, rel, e.block, GRUBENV_SIZE, 0644);
}
