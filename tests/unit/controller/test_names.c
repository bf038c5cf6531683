// SPDX-License-Identifier: GPL-2.0-or-later
/* What a shell would make something else of is found, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/patch/names.h"
#include "proto/base/cleanup.h"

static void finds(const char *text, const char *bad)
{
	size_t at = 0, n = 0;
	bool found = names_find_bad(text, strlen(text), &at, &n);

	assert_int_equal(found, bad != NULL);
	if (bad) {
		assert_int_equal(n, strlen(bad));
		assert_memory_equal(text + at, bad, n);
	}
}

static void names_of_files(void **state)
{
	(void)state;
	assert_true(names_is_plain("drivers/net/e1000e/a_b-c,d+e.c", 30));
	assert_true(names_is_plain("-x", 2));
	assert_false(names_is_plain("", 0));
	assert_false(names_is_plain("a\0b", 3));
	for (const char *p = " \t\n$`;|&<>()'\"\\*?[]#~!{}"; *p; p++)
		assert_false(names_is_plain(p, 1));
}

static void good_patches(void **state)
{
	(void)state;
	finds("", NULL);
	finds("Subject: $(x) is fine in prose; so is `y`\n\n---\n a.c | 2 +-\n", NULL);
	finds("diff --git a/a.c b/a.c\n--- a/a.c\n+++ b/a.c\n@@ -1 +1 @@\n-$x\n+`y`\n",
	      NULL);
	finds("--- a/a.c\t2020-01-01 00:00\n+++ /dev/null\n", NULL);
	finds("+// SPDX-License-Identifier: (GPL-2.0 OR MIT)\n", NULL);
	finds("+--- $x\n", NULL); /* a line of the new file, behind a '+' */
}

static void bad_patches(void **state)
{
	(void)state;
	finds("+++ b/$(touch${IFS}pwned)\n", "b/$(touch${IFS}pwned)");
	finds("+++\tb/a;id\n", "b/a;id");
	finds("--- a/a|b\n", "a/a|b");
	finds("diff --git a/a.c b/`id`\n", "b/`id`");
	finds("diff --git \"a/a b\" \"b/a b\"\n", "\"a/a");
	finds("rename from a&b\n", "a&b");
	finds("rename to a>b", "a>b");
	finds(" mode change 100644 => 100755 a$b\n", "a$b");
	finds("x\n+ * SPDX-License-Identifier: $(id)\n",
	      "SPDX-License-Identifier: $(id)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_files),
		cmocka_unit_test(good_patches),
		cmocka_unit_test(bad_patches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
