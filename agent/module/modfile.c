/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A search, not a parser of ELF: modinfo's strings and notes stand in the file as they
 * are, and what is found is only compared with what the running system has.
 */
#include "agent/module/modfile.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/initramfs/decomp.h"
#include "proto/base/buf.h"
#include "proto/base/fs.h"

#define CHUNK  (64 * 1024)
#define WINDOW (256 * 1024) /* bytes kept while they are looked through */

struct search {
	const void *needle;
	size_t len, behind; /* of the needle; bytes wanted behind it */
	struct buf window;
	bool found; /* at the window's beginning */
};

/* Look through the window; what cannot begin a match any more is dropped. */
static void look(struct search *s, bool end)
{
	size_t n = buf_len(&s->window), keep = s->len + s->behind;
	const uint8_t *data = buf_data(&s->window);
	const uint8_t *at = n ? memmem(data, n, s->needle, s->len) : NULL;

	if (at && (end || (size_t)(data + n - at) >= keep)) {
		buf_consume(&s->window, (size_t)(at - data));
		s->found = true;
	} else if (at) {
		buf_consume(&s->window, (size_t)(at - data));
	} else if (n > keep) {
		buf_consume(&s->window, n - keep);
	}
}

/* 1: found. */
static int sink(void *arg, const uint8_t *data, size_t n)
{
	struct search *s = arg;

	while (n > 0 && !s->found) {
		size_t part = n < WINDOW / 2 ? n : WINDOW / 2;
		int rc = buf_append(&s->window, data, part);

		if (rc < 0)
			return rc;
		if (buf_len(&s->window) >= WINDOW / 2)
			look(s, false);
		data += part;
		n -= part;
	}
	return s->found;
}

static int read_plain(int fd, struct search *s)
{
	_free_ uint8_t *chunk = malloc(CHUNK);
	int rc = chunk ? 0 : -ENOMEM;

	while (rc == 0) {
		ssize_t n = read(fd, chunk, CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		rc = sink(s, chunk, (size_t)n);
	}
	return rc;
}

static int read_compressed(int fd, enum decomp_format format, struct search *s)
{
	struct stat st;
	uint64_t used;

	if (fstat(fd, &st) < 0)
		return -errno;
	return decomp_member(fd, 0, (uint64_t)st.st_size, format, sink, s, &used);
}

/* 0 whether it was found or not. */
static int search(int dir_fd, const char *path, struct search *s)
{
	_close_ int fd = fs_open_beneath(dir_fd, path, O_RDONLY | O_NONBLOCK, 0);
	enum decomp_format format;
	uint8_t magic[DECOMP_MAGIC];
	ssize_t n;
	int rc;

	if (fd < 0)
		return fd;
	n = pread(fd, magic, sizeof(magic), 0);
	if (n < 0)
		return -errno;
	format = decomp_detect(magic, (size_t)n);
	rc = format == DECOMP_NONE ? read_plain(fd, s) : read_compressed(fd, format, s);
	if (rc < 0)
		return rc;
	if (!s->found)
		look(s, true);
	return 0;
}

int modfile_text(int dir_fd, const char *path, const char *key,
		 char dst[static MODFILE_TEXT])
{
	struct search s = {.needle = key, .len = strlen(key), .behind = MODFILE_TEXT};
	int rc = search(dir_fd, path, &s);

	if (rc == 0 && !s.found)
		rc = -ENODATA;
	if (rc == 0) {
		size_t n = buf_len(&s.window) - s.len;

		if (n > MODFILE_TEXT - 1)
			n = MODFILE_TEXT - 1;
		memcpy(dst, buf_data(&s.window) + s.len, n);
		dst[n] = '\0';
	}
	buf_fini(&s.window);
	return rc;
}

bool modfile_has(int dir_fd, const char *path, const void *bytes, size_t n)
{
	struct search s = {.needle = bytes, .len = n};
	int rc = n > 0 ? search(dir_fd, path, &s) : -EINVAL;

	buf_fini(&s.window);
	return rc == 0 && s.found;
}
