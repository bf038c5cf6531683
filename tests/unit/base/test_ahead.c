/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading ahead: order, the bound, the end and errors, and a reader that gives up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

#include "proto/base/ahead.h"

struct source {
	uint32_t next, end;
	int code;	  /* at the end */
	atomic_uint made; /* calls that gave a block */
	sem_t *go;	  /* NULL: at once */
};

/* Blocks of different lengths, each filled with its number. */
static size_t length_of(uint32_t i, size_t n)
{
	return 1 + i * 7 % n;
}

static ssize_t fill(void *arg, void *data, size_t n)
{
	struct source *s = arg;
	size_t len = length_of(s->next, n);

	if (s->go)
		sem_wait(s->go);
	if (s->next == s->end)
		return s->code;
	memset(data, (int)(s->next & 0xff), len);
	s->next++;
	atomic_fetch_add(&s->made, 1);
	return (ssize_t)len;
}

static void all_comes_in_order(void **state)
{
	struct source s = {.end = 20000};
	struct ahead *a;
	const void *block;
	ssize_t n;

	(void)state;
	assert_int_equal(ahead_new(fill, &s, 64, 3, &a), 0);
	for (uint32_t i = 0; i < s.end; i++) {
		n = ahead_next(a, &block);
		assert_int_equal(n, length_of(i, 64));
		for (ssize_t j = 0; j < n; j++)
			assert_int_equal(((const uint8_t *)block)[j], i & 0xff);
	}
	assert_int_equal(ahead_next(a, &block), 0);
	assert_int_equal(ahead_next(a, &block), 0);
	ahead_free(a);
}

static void error_comes_after_what_was_before_it(void **state)
{
	struct source s = {.end = 2, .code = -EBADMSG};
	struct ahead *a;
	const void *block;

	(void)state;
	assert_int_equal(ahead_new(fill, &s, 64, 8, &a), 0);
	assert_int_equal(ahead_next(a, &block), length_of(0, 64));
	assert_int_equal(ahead_next(a, &block), length_of(1, 64));
	assert_int_equal(ahead_next(a, &block), -EBADMSG);
	assert_int_equal(ahead_next(a, &block), -EBADMSG);
	ahead_free(a);
}

/* The block that is being read counts too. */
static void no_more_than_the_bound_is_held(void **state)
{
	struct source s = {.end = 100};
	struct ahead *a;
	const void *block;

	(void)state;
	assert_int_equal(ahead_new(fill, &s, 64, 3, &a), 0);
	for (unsigned i = 0; i < 50; i++) {
		assert_true(ahead_next(a, &block) > 0);
		assert_in_range(atomic_load(&s.made), i + 1, i + 3);
	}
	ahead_free(a);
	assert_in_range(atomic_load(&s.made), 50, 52);
}

static void reader_that_gives_up_waits_for_one_fill_only(void **state)
{
	struct source s = {.end = 100};
	struct ahead *a;
	const void *block;
	sem_t go;

	(void)state;
	sem_init(&go, 0, 1);
	s.go = &go;
	assert_int_equal(ahead_new(fill, &s, 64, 2, &a), 0);
	assert_true(ahead_next(a, &block) > 0);
	sem_post(&go);
	ahead_free(a);
	assert_in_range(atomic_load(&s.made), 1, 2);
	sem_destroy(&go);
	ahead_free(NULL);
}

static void nothing_to_hold_is_refused(void **state)
{
	struct source s = {.end = 1};
	struct ahead *a;

	(void)state;
	assert_int_equal(ahead_new(fill, &s, 0, 3, &a), -EINVAL);
	assert_int_equal(ahead_new(fill, &s, 64, 0, &a), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_comes_in_order),
		cmocka_unit_test(error_comes_after_what_was_before_it),
		cmocka_unit_test(no_more_than_the_bound_is_held),
		cmocka_unit_test(reader_that_gives_up_waits_for_one_fill_only),
		cmocka_unit_test(nothing_to_hold_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
