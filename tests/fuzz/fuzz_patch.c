/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Patches: whatever comes, the reader asks for nothing beyond the base and gives no more
 * bytes than the head promised; and what is made from a base is applied to the same file.
 * The first byte says how the input is sliced and which of both is tried.
 */
#include <assert.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/patch.h"

#define OUT_MAX (4u * 1024 * 1024) /* a bomb is cut short */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 0: whole; the base repeats the bytes of `seed`. */
static int apply(const uint8_t *data, size_t size, size_t slice, const uint8_t *base,
		 size_t base_n, struct buf *out)
{
	size_t n = 0, used = 0;
	uint64_t given = 0, promised = 0;
	struct patch_event ev;
	struct patch_reader *r;
	int rc;

	assert(patch_reader_new(&r) == 0);
	while ((rc = patch_reader_step(r, data, n, &used, &ev)) == 0) {
		if (ev.type == PATCH_END)
			break;
		if (ev.type == PATCH_BEGIN) {
			promised = ev.head->size;
			assert(promised <= LIMIT_FILE_SIZE);
		} else if (ev.type == PATCH_BASE) {
			assert(ev.len <= LIMIT_PATCH_WINDOW);
			for (size_t i = 0; i < ev.len; i++)
				ev.room[i] = ev.at + i < base_n ? base[ev.at + i] : 0;
		} else if (ev.type == PATCH_DATA) {
			given += ev.len;
			assert(given <= promised && ev.len <= LIMIT_PATCH_BLOCK);
			if (out)
				assert(buf_append(out, ev.data, ev.len) == 0);
			if (given > OUT_MAX)
				break;
		} else {
			assert(used == n);
			data += n;
			size -= n;
			n = size < slice ? size : slice;
			used = 0;
			if (n == 0)
				break;
		}
	}
	if (rc == 0 && ev.type == PATCH_END)
		assert(given == promised);
	else
		rc = -1;
	patch_reader_free(r);
	return rc;
}

static void make_and_apply(const uint8_t *data, size_t size, size_t slice)
{
	size_t base_n = size / 2, n = size - base_n;
	struct patch_head head = {.base_size = base_n, .size = n};
	_buf_ struct buf patch = BUF_INIT, out = BUF_INIT;
	struct patch_maker *m;
	struct patch_part p;

	assert(patch_maker_new(&head, &patch, &m) == 0);
	while (patch_maker_next(m, &p))
		assert(patch_maker_put(m, data + p.base_at, data + base_n + p.at,
				       &patch) == 0);
	patch_maker_free(m);
	assert(apply(buf_data(&patch), buf_len(&patch), slice, data, base_n, &out) == 0);
	assert(buf_len(&out) == n);
	assert(n == 0 || memcmp(buf_data(&out), data + base_n, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t base[] = "an older version of the file, which is repeated";
	size_t slice;

	if (size < 1)
		return 0;
	slice = 1 + (size_t)(data[0] >> 1) * 16;
	if (data[0] & 1)
		make_and_apply(data + 1, size - 1, slice);
	else
		(void)apply(data + 1, size - 1, slice, base, sizeof(base), NULL);
	return 0;
}
