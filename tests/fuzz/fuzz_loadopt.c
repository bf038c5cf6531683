/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Load options: what decodes and can be encoded decodes to the same again. */
#include <assert.h>
#include <string.h>

#include "agent/boot/efi/loadopt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_loadopt_ struct loadopt o = {0}, again = {0};
	_buf_ struct buf b = BUF_INIT;

	if (loadopt_decode(data, size, &o) < 0) {
		assert(!o.description && !o.file && !o.data);
		return 0;
	}
	assert(o.description && o.n_data <= size && !o.data == !o.n_data);
	if (loadopt_encode(&o, &b) < 0)
		return 0;
	assert(loadopt_decode(buf_data(&b), buf_len(&b), &again) == 0);
	assert(again.attributes == o.attributes && again.has_partition);
	assert(strcmp(again.description, o.description) == 0);
	assert(strcmp(again.file, o.file) == 0);
	assert(loadopt_same_partition(&again.partition, &o.partition));
	assert(again.partition.start == o.partition.start);
	assert(again.n_data == o.n_data);
	assert(o.n_data == 0 || memcmp(again.data, o.data, o.n_data) == 0);
	return 0;
}
