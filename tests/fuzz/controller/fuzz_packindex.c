/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pack cache's index, with a digest that fits: what is taken is written back so that
 * it reads the same. */
#include <assert.h>
#include <string.h>

#include "controller/kernel/pack/packindex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(struct packindex *ix)
{
	struct buf out = BUF_INIT, again = BUF_INIT;
	struct packindex back = {0};

	for (int i = 0; i < 2; i++) {
		struct packindex *x = i ? &back : ix;

		for (size_t j = 0; j < x->n_files; j++)
			x->files[j].used = true;
		for (size_t j = 0; j < x->n_memos; j++)
			x->memos[j].used = true;
		assert(packindex_emit(x, i ? &again : &out) == 0);
		if (i == 0)
			assert(packindex_parse(buf_data(&out), buf_len(&out), &back) ==
			       0);
	}
	assert(buf_len(&out) == buf_len(&again));
	assert(memcmp(buf_data(&out), buf_data(&again), buf_len(&out)) == 0);
	for (size_t j = 0; j < ix->n_files; j++)
		assert(packindex_find(&back, ix->files[j].path));
	packindex_fini(&back);
	buf_fini(&out);
	buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packindex ix = {0};
	struct buf b = BUF_INIT;
	char hex[DIGEST_HEX];
	struct digest d;

	if (packindex_parse(data, size, &ix) == 0)
		packindex_fini(&ix);
	digest_bytes(data, size, &d);
	digest_hex(&d, hex);
	assert(buf_append(&b, data, size) == 0);
	assert(buf_printf(&b, "digest %s\n", hex) == 0);
	if (packindex_parse(buf_data(&b), buf_len(&b), &ix) == 0) {
		round_trip(&ix);
		packindex_fini(&ix);
	}
	buf_fini(&b);
	return 0;
}
