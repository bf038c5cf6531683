// SPDX-License-Identifier: GPL-2.0-or-later
/* Suite files: what is taken has plain values within their limits, whose words can be
 * made. */
#include <assert.h>
#include <string.h>

#include "controller/suite/suitefile.h"
#include "proto/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const tests[] = {"a", "b"};
	const struct suitefile_values v = {.collection = "c",
					   .dir = "/d",
					   .out = "/o",
					   .tests = tests,
					   .n_tests = 2};
	_suitefile_ struct suitefile f = {{NULL}};
	int r = suitefile_parse(&f, (const char *)data, size, "fuzz", NULL);

	for (size_t i = 0; i < SUITEFILE_KEYS; i++) {
		enum suitefile_key key = (enum suitefile_key)i;
		char **words = NULL;

		if (!f.value[i])
			continue;
		assert(*f.value[i] && strlen(f.value[i]) <= SUITEFILE_VALUE);
		assert(text_is_plain(f.value[i], strlen(f.value[i]), true));
		if (key == SUITEFILE_COMMAND || key == SUITEFILE_RETRY)
			assert(suitefile_words(&f, key, &v, &words) == 0);
		free(words);
	}
	assert(suitefile_ms(&f, SUITEFILE_LIMIT, 1) > 0);
	assert(suitefile_skip_status(&f) >= -1 && suitefile_skip_status(&f) <= 255);
	if (r == 0 && suitefile_check(&f, "fuzz", NULL) == 0)
		assert(f.value[SUITEFILE_COMMAND]);
	return 0;
}
