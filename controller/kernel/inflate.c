/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libarchive's filters below its raw format: the one "entry" is the unpacked stream.  The
 * filters that start programs are not switched on.
 */
#include "controller/kernel/inflate.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>

#define BLOCK (64 * 1024)

struct inflate {
	struct archive *a;
	package_pull_fn pull;
	void *arg;
	int fault;
	bool begun;
	uint8_t block[BLOCK];
};

static la_ssize_t on_read(struct archive *a, void *arg, const void **ret)
{
	struct inflate *i = arg;
	ssize_t n = i->pull(i->arg, i->block, BLOCK);

	if (n < 0) {
		i->fault = (int)n;
		archive_set_error(a, (int)-n, "its source failed");
		return -1;
	}
	*ret = i->block;
	return n;
}

int inflate_new(package_pull_fn pull, void *arg, struct inflate **ret)
{
	struct inflate *i = calloc(1, sizeof(*i));

	if (!i)
		return -ENOMEM;
	i->pull = pull;
	i->arg = arg;
	i->a = archive_read_new();
	if (!i->a || archive_read_support_filter_gzip(i->a) < ARCHIVE_WARN ||
	    archive_read_support_filter_bzip2(i->a) < ARCHIVE_WARN ||
	    archive_read_support_filter_xz(i->a) < ARCHIVE_WARN ||
	    archive_read_support_filter_lzma(i->a) < ARCHIVE_WARN ||
	    archive_read_support_filter_zstd(i->a) < ARCHIVE_WARN ||
	    archive_read_support_filter_lz4(i->a) < ARCHIVE_WARN ||
	    archive_read_support_format_raw(i->a) < ARCHIVE_WARN) {
		inflate_free(i);
		return -ENOMEM;
	}
	*ret = i;
	return 0;
}

void inflate_free(struct inflate *i)
{
	if (!i)
		return;
	archive_read_free(i->a);
	free(i);
}

ssize_t inflate_read(void *inflate, void *data, size_t n)
{
	struct inflate *i = inflate;
	struct archive_entry *e;
	la_ssize_t got;

	if (!i->begun) {
		i->begun = true;
		if (archive_read_open(i->a, i, NULL, on_read, NULL) != ARCHIVE_OK ||
		    archive_read_next_header(i->a, &e) != ARCHIVE_OK)
			return i->fault ? i->fault : -EBADMSG;
	}
	got = archive_read_data(i->a, data, n);
	if (got < 0)
		return i->fault ? i->fault : -EBADMSG;
	return got;
}

const char *inflate_why(const struct inflate *i)
{
	const char *why = archive_error_string(i->a);

	return why ? why : "damaged or cut off";
}
