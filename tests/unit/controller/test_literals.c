/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many literals at once: the same as looking for each of them by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "controller/log/literals.h"

static struct literals *build(const char *const *list, size_t n, unsigned *ids)
{
	struct literals *l;

	assert_int_equal(literals_new(&l), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(literals_add(l, list[i], strlen(list[i]), &ids[i]), 0);
	assert_int_equal(literals_build(l), 0);
	return l;
}

static void test_one_inside_another(void **state)
{
	static const char *const list[] = {"he", "she", "his", "hers", "he"};
	struct literal_set set = {.any = false};
	struct literals *l;
	unsigned ids[5];

	(void)state;
	l = build(list, 5, ids);
	assert_int_equal(ids[0], ids[4]);
	literals_scan(l, "ushers", 6, &set);
	assert_true(set.any);
	assert_true(literal_set_has(&set, ids[0]));
	assert_true(literal_set_has(&set, ids[1]));
	assert_false(literal_set_has(&set, ids[2]));
	assert_true(literal_set_has(&set, ids[3]));
	/* What was found in another text is forgotten. */
	literals_scan(l, "this", 4, &set);
	assert_true(literal_set_has(&set, ids[2]));
	assert_false(literal_set_has(&set, ids[0]));
	literals_scan(l, "ushe", 3, &set);
	assert_false(set.any);
	literals_scan(l, "", 0, &set);
	assert_false(set.any);
	literals_free(l);
}

/* Words of two letters make many that overlap. */
static void test_as_looking_for_each(void **state)
{
	uint32_t seed = 7;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		char words[12][8] = {""}, text[64];
		struct literal_set set = {.any = false};
		const char *list[12];
		struct literals *l;
		unsigned ids[12];

		for (unsigned i = 0; i < 12; i++) {
			unsigned n = 1 + (seed = seed * 1103515245 + 12345) / 65536 % 6;

			for (unsigned k = 0; k < n; k++)
				words[i][k] =
					"ab\xff"[(seed = seed * 1103515245 + 12345) /
						 65536 % 3];
			list[i] = words[i];
		}
		for (unsigned i = 0; i < sizeof(text); i++)
			text[i] = "ab\xff"
				  "c"[(seed = seed * 1103515245 + 12345) / 65536 % 4];
		l = build(list, 12, ids);
		literals_scan(l, text, sizeof(text), &set);
		for (unsigned i = 0; i < 12; i++) {
			bool there = memmem(text, sizeof(text), words[i],
					    strlen(words[i])) != NULL;

			assert_int_equal(set.any && literal_set_has(&set, ids[i]), there);
		}
		literals_free(l);
	}
}

static void test_too_much_is_refused(void **state)
{
	struct literals *l;
	char text[40];
	unsigned id;

	(void)state;
	assert_int_equal(literals_new(&l), 0);
	for (unsigned i = 0; i < LITERALS_MAX; i++) {
		int n = snprintf(text, sizeof(text), "literal %u", i);

		assert_int_equal(literals_add(l, text, (size_t)n, &id), 0);
	}
	assert_int_equal(literals_add(l, "one more", 8, &id), -E2BIG);
	/* Known ones take no room. */
	assert_int_equal(literals_add(l, "literal 0", 9, &id), 0);
	assert_int_equal(id, 0);
	literals_free(l);
}

static void test_none_at_all(void **state)
{
	struct literal_set set = {.any = true};
	struct literals *l = build(NULL, 0, NULL);

	(void)state;
	literals_scan(l, "text", 4, &set);
	assert_false(set.any);
	literals_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_inside_another),
		cmocka_unit_test(test_as_looking_for_each),
		cmocka_unit_test(test_too_much_is_refused),
		cmocka_unit_test(test_none_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
