/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packages: nothing is handed out that breaks the policy, an entry has the bytes it
 * promised, and an end is an end.  The first byte says how the source is sliced.
 */
#include <assert.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/package.h"
#include "proto/reason.h"
#include "proto/text.h"

#define READ_MAX (1024 * 1024) /* a bomb is cut short: time is better spent elsewhere */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
	const uint8_t *p;
	size_t n, slice;
};

static ssize_t pull(void *arg, void *data, size_t n)
{
	struct source *s = arg;

	if (n > s->slice)
		n = s->slice;
	if (n > s->n)
		n = s->n;
	memcpy(data, s->p, n);
	s->p += n;
	s->n -= n;
	return (ssize_t)n;
}

/* 1 when it was read to its end. */
static int read_entry(struct package_reader *r, uint64_t want, uint64_t *total,
		      struct kf_error *err)
{
	uint64_t got = 0;
	uint8_t room[4096];
	ssize_t n;

	while ((n = package_read(r, room, sizeof(room), err)) > 0) {
		got += (uint64_t)n;
		*total += (uint64_t)n;
		if (*total > READ_MAX)
			return 0;
	}
	if (n < 0)
		return 0;
	assert(got == want);
	return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source s = {0};
	struct package_reader *r;
	struct package_entry e;
	struct kf_error err = {0};
	uint64_t total = 0;
	int rc;

	if (size < 1)
		return 0;
	s = (struct source){data + 1, size - 1, 1 + (size_t)data[0] * 16};
	rc = package_reader_new(pull, &s, &r, &err);
	if (rc < 0)
		return 0;
	while ((rc = package_next(r, &e, &err)) > 0) {
		assert(text_is_path(e.path, strlen(e.path)));
		assert(e.size <= LIMIT_FILE_SIZE);
		if (!read_entry(r, e.size, &total, &err))
			break;
	}
	if (rc < 0)
		assert(err.code == rc && err.msg[0]);
	if (rc == 0)
		assert(s.n == 0);
	package_reader_free(r);
	return 0;
}
