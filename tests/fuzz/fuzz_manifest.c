/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Manifests: whatever parses is emitted again byte for byte. */
#include <assert.h>
#include <string.h>

#include "proto/manifest.h"
#include "proto/reason.h"
#include "proto/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_manifest_ struct manifest m = {0};
	_buf_ struct buf out = BUF_INIT;
	struct kf_error err = {0};
	uint64_t total = 0;

	if (manifest_parse(data, size, &m, &err) < 0) {
		assert(err.reason == KF_REASON_MANIFEST && err.msg[0]);
		return 0;
	}
	for (size_t i = 0; i < m.n_files; i++) {
		assert(text_is_path(m.files[i].path, strlen(m.files[i].path)));
		assert(manifest_find(&m, m.files[i].path) == (ssize_t)i);
		total += m.files[i].size;
	}
	assert(total == m.total_size);
	assert(manifest_emit(&m, &out, &err) == 0);
	assert(buf_len(&out) == size);
	assert(memcmp(buf_data(&out), data, size) == 0);
	return 0;
}
