/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text of patches and of get_maintainer.pl: no name that a shell would change gets by,
 * and every address that is taken has an '@'.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "controller/patch/names.h"
#include "controller/patch/people.h"
#include "controller/patch/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_people_ struct people all = {0};
	const char *text = (const char *)data;
	size_t at, n;

	(void)target_is_patch(text, size);
	if (names_find_bad(text, size, &at, &n)) {
		assert(n && at < size && n <= size - at);
		assert(!names_is_plain(text + at, n));
	}
	if (people_add(&all, text, size) < 0 && !all.n)
		return 0;
	people_sort(&all);
	for (size_t i = 0; i < all.n; i++)
		assert(strchr(all.p[i].email, '@'));
	return 0;
}
