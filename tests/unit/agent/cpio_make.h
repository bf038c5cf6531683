/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes initramfs archives in memory for tests, with libarchive. */
#ifndef KF_TEST_CPIO_MAKE_H
#define KF_TEST_CPIO_MAKE_H

#include <archive.h>
#include <archive_entry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "proto/base/buf.h"
#include "proto/base/fs.h"

static inline la_ssize_t cpio_make_write(struct archive *a, void *arg, const void *data,
					 size_t n)
{
	(void)a;
	return buf_append(arg, data, n) < 0 ? -1 : (la_ssize_t)n;
}

/* Append an archive of these files (NULL at the end) to out; each holds its own name.  A
 * name with a slash at its end is a directory.  filter: "none", "zstd", "gzip", "xz". */
static inline void cpio_make(struct buf *out, const char *filter,
			     const char *const names[])
{
	struct archive *a = archive_write_new();

	assert_int_equal(archive_write_set_format_cpio_newc(a), ARCHIVE_OK);
	if (strcmp(filter, "zstd") == 0)
		assert_int_equal(archive_write_add_filter_zstd(a), ARCHIVE_OK);
	else if (strcmp(filter, "gzip") == 0)
		assert_int_equal(archive_write_add_filter_gzip(a), ARCHIVE_OK);
	else if (strcmp(filter, "xz") == 0)
		assert_int_equal(archive_write_add_filter_xz(a), ARCHIVE_OK);
	archive_write_set_bytes_in_last_block(a, 1);
	assert_int_equal(archive_write_open(a, out, NULL, cpio_make_write, NULL),
			 ARCHIVE_OK);
	for (size_t i = 0; names[i]; i++) {
		struct archive_entry *e = archive_entry_new();
		size_t n = strlen(names[i]);
		bool dir = n > 0 && names[i][n - 1] == '/';
		char path[128];

		snprintf(path, sizeof(path), "%.*s", (int)(dir ? n - 1 : n), names[i]);
		archive_entry_set_pathname(e, path);
		archive_entry_set_mode(e, dir ? S_IFDIR | 0755 : S_IFREG | 0644);
		archive_entry_set_size(e, dir ? 0 : (la_int64_t)n);
		assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
		if (!dir)
			assert_int_equal(archive_write_data(a, names[i], n), n);
		archive_entry_free(e);
	}
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

static inline void cpio_zeros(struct buf *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(buf_append(out, "", 1), 0);
}

/* A file without a name that holds n bytes. */
static inline int cpio_fd(const void *data, size_t n)
{
	int fd = memfd_create("cpio", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, data, n), 0);
	return fd;
}

#endif
