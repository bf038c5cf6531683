/* SPDX-License-Identifier: GPL-2.0-or-later */
/* modules.order: what is taken is safe to join to a path, and is installed as it is read.
 */
#include <assert.h>
#include <string.h>

#include "controller/kernel/pack/modlist.h"
#include "proto/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct modlist *l)
{
	const char *order = (const char *)buf_data(&l->order);

	for (size_t i = 0; i < l->n; i++) {
		size_t n = strlen(l->v[i]);

		assert(text_is_path(l->v[i], n));
		assert(n > 3 && strcmp(l->v[i] + n - 3, ".ko") == 0);
		assert(i == 0 || strcmp(l->v[i - 1], l->v[i]) < 0);
	}
	assert(l->n == 0 || strncmp(order, "kernel/", 7) == 0);
	assert(l->n == 0 || order[buf_len(&l->order) - 1] == '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct modlist l = {0};
	char *text, *unknown;

	text = strndup((const char *)data, size);
	unknown = modlist_unknown_file(text);
	free(unknown);
	free(text);
	if (modlist_parse((const char *)data, size, &l) < 0)
		return 0;
	check(&l);
	if (l.maybe_installed) {
		size_t n = l.n;

		modlist_are_installed(&l);
		assert(l.n == n);
	}
	modlist_fini(&l);
	return 0;
}
