/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a board tells of its displays: no more of it than there may be, and all of it
 * text. */
#include <assert.h>
#include <string.h>

#include "controller/desktop/drmlist.h"
#include "proto/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_drmlist_ struct drmlist l = {0};
	_free_ char *text = strndup((const char *)data, size);
	struct kf_error err = {0};

	assert(text);
	if (drmlist_parse(text, &l, &err) < 0) {
		assert(err.code && *err.msg && !l.n);
		return 0;
	}
	assert(l.n <= DRMLIST_MAX);
	for (size_t i = 0; i < l.n; i++) {
		const struct drmlist_connector *c = &l.v[i];

		assert(text_is_plain(c->id, strlen(c->id), false));
		assert(c->name >= c->id && c->n_modes <= DRMLIST_MODES);
	}
	return 0;
}
