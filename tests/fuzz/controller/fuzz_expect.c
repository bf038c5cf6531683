// SPDX-License-Identifier: GPL-2.0-or-later
/* Files of expected failures: what is taken is plain, and has a reason. */
#include <assert.h>
#include <string.h>

#include "controller/results/expect.h"
#include "proto/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void apply(struct expect *e)
{
	_suite_ struct suite_run s = {0};
	struct test_result *t;

	assert(suite_init(&s, NULL, "ktap") == 0);
	assert(suite_add(&s, "a.b", 3, TEST_PASS, &t) == 0);
	assert(suite_add(&s, "a b", 3, TEST_FAIL, &t) == 0);
	assert(suite_add(&s, "c", 1, TEST_ERROR, &t) == 0);
	assert(expect_apply(e, &s) == 0);
	assert(s.tests[2].status == TEST_ERROR);
	assert(s.tests[0].status == TEST_PASS || s.tests[0].status == TEST_XPASS);
	assert(s.tests[1].status == TEST_FAIL || s.tests[1].status == TEST_XFAIL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_expect_ struct expect e = {0};

	if (expect_parse((const char *)data, size, "fuzz", &e, NULL) < 0)
		return 0;
	for (size_t i = 0; i < e.n; i++) {
		assert(*e.list[i].pattern && *e.list[i].reason);
		assert(text_is_plain(e.list[i].pattern, strlen(e.list[i].pattern), true));
	}
	apply(&e);
	return 0;
}
