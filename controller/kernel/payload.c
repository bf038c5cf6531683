/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libarchive's raw format, to tmpfile(): the system's place for temporary files. */
#include "controller/kernel/payload.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define MAX_UNPACKED ((size_t)1 << 30) /* a debug kernel is a tenth of it */

void payload_fini(struct payload *s)
{
	if (s->map)
		munmap((void *)s->map, s->n);
	if (s->file)
		fclose(s->file);
	*s = (struct payload){0};
}

static int append(struct payload *s, const void *data, size_t n)
{
	if (n > MAX_UNPACKED - s->n)
		return -EMSGSIZE;
	if (fwrite(data, 1, n, s->file) != n)
		return -errno;
	s->n += n;
	return 0;
}

static int map(struct payload *s)
{
	void *at;

	if (fflush(s->file) != 0)
		return -errno;
	at = mmap(NULL, s->n, PROT_READ, MAP_PRIVATE, fileno(s->file), 0);
	if (at == MAP_FAILED)
		return -errno;
	s->map = at;
	return 0;
}

static int reader_open(struct archive *a, const uint8_t *p, size_t size)
{
	struct archive_entry *entry;

	if (archive_read_support_filter_gzip(a) < ARCHIVE_WARN ||
	    archive_read_support_filter_bzip2(a) < ARCHIVE_WARN ||
	    archive_read_support_filter_lzma(a) < ARCHIVE_WARN ||
	    archive_read_support_filter_xz(a) < ARCHIVE_WARN ||
	    archive_read_support_filter_zstd(a) < ARCHIVE_WARN ||
	    archive_read_support_filter_lz4(a) < ARCHIVE_WARN ||
	    archive_read_support_format_raw(a) < ARCHIVE_WARN)
		return -ENOSYS;
	if (archive_read_open_memory(a, p, size) != ARCHIVE_OK ||
	    archive_read_next_header(a, &entry) != ARCHIVE_OK)
		return -EBADMSG;
	return archive_filter_code(a, 0) == ARCHIVE_FILTER_NONE ? -EBADMSG : 0;
}

/* What could be unpacked, into out; *ret_whole: the compressed data ended well. */
static int unpack_part(const uint8_t *p, size_t size, struct payload *out,
		       bool *ret_whole)
{
	struct archive *a = archive_read_new();
	int r = a ? reader_open(a, p, size) : -ENOMEM;

	*ret_whole = false;
	if (r == 0) {
		out->file = tmpfile();
		r = out->file ? 0 : -errno;
	}
	while (r == 0) {
		const void *data;
		size_t n;
		la_int64_t offset;
		int status = archive_read_data_block(a, &data, &n, &offset);

		if (status != ARCHIVE_OK) {
			*ret_whole = status == ARCHIVE_EOF;
			break;
		}
		r = append(out, data, n);
	}
	archive_read_free(a);
	return r;
}

/*
 * Unpack.  For most formats kbuild writes the unpacked size behind the data, which
 * unpackers take for damage; and other things may follow, so what came before an error is
 * the result as well: whoever reads it checks it.
 */
int payload_unpack(const void *data, size_t size, struct payload *out)
{
	const uint8_t *p = data;
	bool sized = size > 8 && memcmp(p, "\037\213", 2) != 0;
	bool whole = false;
	int r = -EBADMSG;

	if (sized)
		r = unpack_part(p, size - 4, out, &whole);
	if (r < 0 && r != -EBADMSG)
		return r;
	if (!whole) {
		struct payload other = {0};

		r = unpack_part(p, size, &other, &whole);
		if (r == 0 && other.n >= out->n) {
			struct payload swap = *out;

			*out = other;
			other = swap;
		}
		payload_fini(&other);
	}
	if (out->n == 0)
		return r < 0 ? r : -EBADMSG;
	return map(out);
}
